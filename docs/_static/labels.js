// The theme has two landmarks of one kind: screen readers tell them apart by
// their names.
document.addEventListener('DOMContentLoaded', () => {
  for (const [selector, name] of [['.sidebar-drawer', 'Site'],
                                  ['.toc-drawer', 'On this page']])
    document.querySelector(selector)?.setAttribute('aria-label', name);
  // Long names break after the class, or after a word, where they have to.
  for (const name of document.querySelectorAll(
      'table[id^="limits-of"] .pre'))
    name.innerHTML = name.innerHTML.replace(/[._]/g, '$&<wbr>');
});
