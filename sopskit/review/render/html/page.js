// Filters, keys and the theme. The page is whole without it: it only hides and shows what is there.
"use strict";
(() => {
  const root = document.documentElement;
  const few = 10; // files that are left open at first
  root.classList.add("js");

  const kept = (() => {
    try { return localStorage.getItem("sopskit-theme"); } catch { return null; }
  })();
  if (kept === "light" || kept === "dark") root.dataset.theme = kept;

  const dark = () =>
    root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;

  const swapTheme = () => {
    root.dataset.theme = dark() ? "light" : "dark";
    try { localStorage.setItem("sopskit-theme", root.dataset.theme); } catch { /* a file opened from disk may not */ }
    nameTheme();
  };

  const nameTheme = () => {
    document.getElementById("theme").textContent = dark() ? "Light" : "Dark";
  };

  const all = (selector) => [...document.querySelectorAll(selector)];

  const start = () => {
    const form = document.querySelector(".toolbar");
    const filter = document.getElementById("filter");
    const environment = document.getElementById("environment");
    const severities = all("[data-severity]");
    const shown = document.getElementById("shown");
    const hints = document.querySelector(".hints");
    const items = all("[data-text]").map((element) => ({
      element,
      text: element.dataset.text.toLowerCase(),
      environments: (element.dataset.environment ?? "").split(" "),
      severities: element.dataset.severities,
    }));
    const files = items.filter((item) => item.element.classList.contains("file"));
    const findings = items.filter((item) => item.element.classList.contains("finding"));
    const bodies = all(".matrix tbody");

    const apply = () => {
      const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
      const wanted = environment.value;
      const pressed = severities.filter((one) => one.getAttribute("aria-pressed") === "true").map((one) => one.dataset.severity);
      for (const item of items) {
        // rows of the pictures have no severity
        const has = item.severities === undefined ? null : item.severities.split(" ");
        item.element.hidden = !(
          words.every((word) => item.text.includes(word)) &&
          (!wanted || item.environments.includes(wanted)) &&
          (!pressed.length || has === null || pressed.some((one) => has.includes(one)))
        );
      }
      for (const body of bodies) {
        body.hidden = [...body.querySelectorAll(".row")].length > 0 && !body.querySelector(".row:not([hidden])");
      }
      const count = (list) => list.filter((item) => !item.element.hidden).length;
      const filtered = words.length || wanted || pressed.length;
      shown.textContent = filtered
        ? `${count(findings)} of ${findings.length} findings, ${count(files)} of ${files.length} files`
        : "";
      document.getElementById("reset").hidden = !filtered;
      hints.hidden = Boolean(filtered); // the bar stays one line
    };

    const move = (step) => {
      const visible = findings.filter((item) => !item.element.hidden && item.element.checkVisibility()).map((item) => item.element);
      if (!visible.length) return;
      const at = visible.indexOf(document.activeElement.closest(".finding"));
      const next = at < 0 ? (step > 0 ? 0 : visible.length - 1) : Math.min(Math.max(at + step, 0), visible.length - 1);
      const summary = visible[next].querySelector("summary");
      summary.focus({ preventScroll: true });
      visible[next].scrollIntoView({ block: "nearest" });
    };

    const open = (element) => {
      for (let at = element; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
      element.querySelectorAll(":scope > details").forEach((one) => { one.open = true; });
    };

    const follow = () => {
      const target = location.hash && document.getElementById(location.hash.slice(1));
      if (!target) return;
      for (let at = target; at; at = at.parentElement) at.hidden = false;
      open(target);
      target.scrollIntoView();
    };

    const unfold = (body, wide) => {
      body.classList.toggle("folded", !wide);
      body.querySelector(".fold").setAttribute("aria-expanded", String(wide));
    };

    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("reset", () => {
      severities.forEach((one) => one.setAttribute("aria-pressed", "false"));
      setTimeout(apply);
    });
    filter.addEventListener("input", apply);
    environment.addEventListener("change", apply);
    severities.forEach((one) => one.addEventListener("click", () => {
      one.setAttribute("aria-pressed", String(one.getAttribute("aria-pressed") !== "true"));
      apply();
    }));
    all(".fold").forEach((button) => button.addEventListener("click", () => {
      const body = button.closest("tbody");
      unfold(body, body.classList.contains("folded"));
    }));
    document.getElementById("theme").addEventListener("click", swapTheme);
    // a check has no files
    for (const [id, open] of [["open-all", true], ["close-all", false]]) {
      document.getElementById(id)?.addEventListener("click", () => all(".file > details").forEach((one) => { one.open = open; }));
    }
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", nameTheme);
    addEventListener("hashchange", follow);
    let closed = [];
    addEventListener("beforeprint", () => {
      closed = all("details:not([open])");
      closed.forEach((one) => { one.open = true; });
    });
    addEventListener("afterprint", () => closed.forEach((one) => { one.open = false; }));

    addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const typing = event.target.matches("input, select, textarea");
      if (event.key === "Escape" && event.target === filter) {
        if (filter.value) { filter.value = ""; apply(); } else filter.blur();
        event.preventDefault();
      } else if (typing) {
        return;
      } else if (event.key === "/") {
        filter.focus();
        filter.select();
        event.preventDefault();
      } else if (event.key === "j" || event.key === "k") {
        move(event.key === "j" ? 1 : -1);
      } else if (event.key === "t") {
        swapTheme();
      }
    });

    all(".waived").forEach((one) => { one.open = false; });
    all(".finding.medium > details, .finding.low > details").forEach((one) => { one.open = false; });
    if (files.length > few) files.forEach((item) => { item.element.querySelector("details").open = false; });
    const folds = all(".matrix tbody:has(.fold)");
    if (all(".matrix .row").length > 40) folds.forEach((body) => unfold(body, false));
    nameTheme();
    apply();
    follow();
  };

  document.addEventListener("DOMContentLoaded", start);
})();
