// Ask for the list again whenever the server says that it has changed, and
// when the connection is back after it was lost.
const notes = document.querySelector('#notes');
const events = new EventSource('/events');

async function refresh() {
  const response = await fetch('/list');
  if (response.ok && !response.redirected) {
    notes.innerHTML = await response.text();
  }
}

events.onmessage = refresh;
events.onopen = refresh;
