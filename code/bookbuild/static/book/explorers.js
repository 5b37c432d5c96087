// Brings the sliders of a page to life, late: the widget script (1.8 MB) is asked for when the
// reader has moved, scrolled, typed or touched, and an explorer is near. Text never waits for it.
(() => {
  const explorers = [...document.querySelectorAll(".explorer")];
  const here = document.currentScript.src;
  let asked = false;

  function load() {
    if (asked) return;
    asked = true;
    const script = document.createElement("script");
    script.src = new URL("widgets/embed.js", here).href;
    // The script renders on the window's load event, which has passed.
    script.onload = () => window.dispatchEvent(new Event("load"));
    script.onerror = () => (asked = false); // so that the next touch tries again
    document.head.append(script);
  }

  // A slider is alive when its view is in the page: the still goes, names and values come.
  function enliven(explorer, observer) {
    const sliders = explorer.querySelectorAll(".widget-slider");
    const frames = explorer.querySelectorAll(".widget-html-content svg");
    if (!sliders.length || !frames.length) return;
    observer.disconnect();
    const still = explorer.querySelector(".explorer-still");
    const focused = still.contains(document.activeElement);
    still.remove();
    const spoken = document.createElement("p");
    spoken.className = "explorer-spoken";
    spoken.setAttribute("aria-live", "polite");
    explorer.append(spoken);
    for (const slider of sliders) name(slider, explorer, spoken);
    explorer.dataset.alive = "true";
    if (focused) sliders[0].querySelector(".noUi-handle").focus();
  }

  // The handle has the role of a slider but neither a name nor a value that can be spoken.
  function name(slider, explorer, spoken) {
    const handle = slider.querySelector(".noUi-handle");
    const readout = slider.querySelector(".widget-readout");
    handle.setAttribute("aria-label", slider.querySelector(".widget-label").textContent.trim());
    readout.removeAttribute("contenteditable"); // one way in: the handle
    const say = () => {
      const value = readout.textContent.trim();
      if (handle.getAttribute("aria-valuetext") !== value)
        handle.setAttribute("aria-valuetext", value);
    };
    say();
    new MutationObserver(() => {
      say();
      requestAnimationFrame(() => (spoken.textContent = title(explorer)));
    }).observe(readout, { childList: true, characterData: true, subtree: true });
    // noUiSlider writes an index of its own over the spoken value.
    new MutationObserver(say).observe(handle, { attributeFilter: ["aria-valuetext"] });
  }

  function title(explorer) {
    const frame = [...explorer.querySelectorAll(".widget-html-content svg")].find(
      (svg) => svg.getClientRects().length,
    );
    return frame ? frame.querySelector("title").textContent : "";
  }

  for (const explorer of explorers) {
    const observer = new MutationObserver(() => enliven(explorer, observer));
    observer.observe(explorer, { childList: true, subtree: true });
    explorer.querySelector("button").addEventListener("click", load);
    explorer.addEventListener("focusin", load);
    explorer.addEventListener("pointerover", load);
  }

  const signs = ["pointermove", "pointerdown", "scroll", "keydown", "touchstart"];
  function moved() {
    for (const sign of signs) window.removeEventListener(sign, moved);
    const near = new IntersectionObserver(
      (entries) => entries.some((entry) => entry.isIntersecting) && (near.disconnect(), load()),
      { rootMargin: "100% 0px" },
    );
    explorers.forEach((explorer) => near.observe(explorer));
  }
  for (const sign of signs) window.addEventListener(sign, moved, { passive: true });
})();
