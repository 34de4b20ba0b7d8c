// The theme has two landmarks of one kind: screen readers tell them apart by
// their names.
document.addEventListener('DOMContentLoaded', () => {
  for (const [selector, name] of [['.sidebar-drawer', 'Site'],
                                  ['.toc-drawer', 'On this page']])
    document.querySelector(selector)?.setAttribute('aria-label', name);
});
