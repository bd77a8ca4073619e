(function () {
  "use strict";
  var root = document.documentElement;
  function make(tag, name, parent) {
    var e = document.createElement(tag);
    if (name) e.className = name;
    if (parent) parent.appendChild(e);
    return e;
  }
  var theme = document.getElementById("theme");
  if (theme) {
    theme.hidden = false;
    var dark = function () {
      return root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    };
    var name = function () { theme.textContent = dark() ? "Light" : "Dark"; };
    theme.addEventListener("click", function () { root.dataset.theme = dark() ? "light" : "dark"; name(); });
    name();
  }
  // cell shows one picture of a sheet.
  function cell(g, row, col, parent) {
    var e = make("span", "cell", parent), s = e.style;
    s.backgroundImage = "url(" + g.src + ")";
    s.backgroundSize = 100 * g.w / (g.w / g.cols - 1) + "% " + 100 * g.h / (g.h / g.rows - 1) + "%";
    s.backgroundPosition = place(col, g.cols, g.w) + " " + place(row, g.rows, g.h);
    return e;
  }
  // A cell of the sheet is one pixel larger than its picture.
  function place(i, n, size) { return 100 * i * (size / n) / (size - size / n + 1) + "%"; }
  var sheets = [];
  document.querySelectorAll("figure.grid").forEach(function (fig) {
    var img = fig.querySelector("img");
    var text = function (e) { return e.textContent; };
    var cols = Array.prototype.map.call(fig.querySelectorAll(".columns span"), text);
    var rows = Array.prototype.map.call(fig.querySelectorAll(".rows span"), text);
    var before = cols.indexOf("before"), after = cols.indexOf("after");
    if (before < 0 || after < 0) return;
    var g = { src: img.src, w: +img.getAttribute("width"), h: +img.getAttribute("height"), cols: cols.length, rows: rows.length };
    var box = make("div", "compare", fig);
    rows.forEach(function (label, r) {
      var line = make("div", "sample", box);
      make("span", "label", line).textContent = label;
      cols.forEach(function (col, c) {
        if (c === after) return;
        var slot = make("div", "slot", line);
        if (c !== before) {
          var e = cell(g, r, c, slot);
          e.setAttribute("role", "img");
          e.setAttribute("aria-label", label + ", " + col);
          make("small", "", slot).textContent = col;
          return;
        }
        slot.classList.add("main");
        var wipe = make("div", "wipe", slot);
        cell(g, r, after, wipe);
        cell(g, r, before, wipe).classList.add("over");
        make("i", "edge", wipe);
        var input = make("input", "", wipe);
        input.type = "range"; input.min = 0; input.max = 100; input.value = 50;
        input.setAttribute("aria-label", label + ": original on the left, unlearned on the right");
        input.addEventListener("input", function () { wipe.style.setProperty("--cut", input.value + "%"); });
        make("small", "", slot).textContent = "before | after";
      });
    });
    sheets.push(fig);
  });
  var view = document.getElementById("view");
  if (view && sheets.length) {
    view.hidden = false;
    var set = function (on) {
      sheets.forEach(function (f) { f.classList.toggle("sliding", on); });
      view.textContent = on ? "Side by side" : "Sliders";
      view.dataset.on = on ? "1" : "";
    };
    view.addEventListener("click", function () { set(!view.dataset.on); });
    set(true);
  }
})();
