document.getElementById('note').textContent = 'The script has run.';
