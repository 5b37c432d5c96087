// Sets the mathematics one formula at a time, so that the page answers a touch in between.
MathJax.startup.promise.then(async () => {
  for (const formula of document.querySelectorAll(".math")) {
    await new Promise((next) => setTimeout(next));
    await MathJax.typesetPromise([formula]);
  }
  document.documentElement.dataset.maths = "set";
});
