// Sphinx's own scores, with its way to change one: among pages that hold the words equally well,
// the page made for looking names and messages up comes first.
var Scorer = {
  score: ([page, , , , score]) => (page === "chapters/lookup" ? score + 0.5 : score),
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: {0: 15, 1: 5, 2: -5},
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
