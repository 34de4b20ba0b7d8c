// How the search sorts what it finds: a page about the word comes before
// functions of that name, and pages to learn from before lists of changes.
const PLACES = {start: 8, guide: 8, boards: 6, deployment: 6, recipes: 4,
  project: -8};

var Scorer = {
  score: result => result[4] + (PLACES[result[0].split('/')[0]] || 0),
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: {0: 15, 1: 5, 2: -5},
  objPrioDefault: 0,
  title: 40,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
