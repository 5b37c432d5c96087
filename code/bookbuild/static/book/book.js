// A box that scrolls sideways can be reached from the keyboard, and only then stops the Tab key.
(() => {
  const boxes = document.querySelectorAll(
    ".pst-scrollable-table-container, div.cell_output, .bd-article div.math",
  );
  const reach = ({ target }) => {
    if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
    else target.removeAttribute("tabindex");
  };
  const sizes = new ResizeObserver((changed) => changed.forEach(reach));
  boxes.forEach((box) => sizes.observe(box));

  // Paper is white.
  const { dataset } = document.documentElement;
  let theme;
  window.addEventListener("beforeprint", () => ([theme, dataset.theme] = [dataset.theme, "light"]));
  window.addEventListener("afterprint", () => (dataset.theme = theme));
})();
