// How the search sorts what it finds: a page about the word comes before
// functions of that name, and pages to learn from before lists of changes.
const PLACES = {
  'guide': 10, 'boards': 10, 'start': 8, 'start/tutorial': 0,
  'deployment': 6, 'recipes': 4, 'project': -8};

function place(page) {
  const folder = page.slice(0, page.lastIndexOf('/'));
  return PLACES[folder] || 0;
}

// Whether the title of the page has what one looks for, and not only one of
// its sections.
function named(title) {
  const words = new URLSearchParams(location.search).get('q') || '';
  return title.split(' > ')[0].toLowerCase().includes(
    words.trim().toLowerCase());
}

var Scorer = {
  score: result => result[4] + place(result[0]) + (named(result[1]) ? 15 : 0),
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: {0: 15, 1: 5, 2: -5},
  objPrioDefault: 0,
  title: 40,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
