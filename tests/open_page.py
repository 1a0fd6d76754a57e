"""A plan's page in a real browser, and what can be asked of it."""

from pathlib import Path
from typing import Any

from playwright.sync_api import Page

LUMINANCE = """
const channel = (value) => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
const luminance = ([r, g, b]) =>
  0.2126 * channel(r / 255) + 0.7152 * channel(g / 255) + 0.0722 * channel(b / 255);
const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
const ratio = (one, other) => {
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
};
"""

CONTRASTS = f"""() => {{
  {LUMINANCE}
  const behind = (element) => {{
    for (let at = element; at; at = at.parentElement) {{
      const colour = parts(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }}
    return [255, 255, 255];
  }};
  const bands = [...document.querySelectorAll(".window")].slice(0, 1);
  const found = {{}};
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {{
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility()) continue;
    if (element.closest("title, script, style, noscript")) continue;
    const style = getComputedStyle(element);
    const drawn = element.namespaceURI.endsWith("svg");
    const ink = parts(drawn ? style.fill : style.color);
    const filled = drawn ? bands.map((band) => parts(getComputedStyle(band).fill)) : [];
    const grounds = [behind(element), ...filled];
    const name = `${{element.tagName}}.${{element.getAttribute("class") ?? ""}}`;
    const least = Math.min(...grounds.map((ground) => ratio(ink, ground)));
    found[name] = Math.min(found[name] ?? 99, least);
  }}
  return found;
}}"""
"""The least contrast of text with what lies behind it, by kind of element (WCAG 2.2, 1.4.3)."""

FAULTS = """() => {
  const faults = [];
  const all = (selector) => [...document.querySelectorAll(selector)];
  const text = (id) => document.getElementById(id)?.textContent.trim();
  const name = (element) =>
    element.getAttribute("aria-label") ||
    (element.getAttribute("aria-labelledby") ?? "").split(" ").map(text).join(" ").trim();
  const fault = (what, element) => faults.push(`${what}: ${element.outerHTML.slice(0, 120)}`);

  const ids = all("[id]").map((element) => element.id);
  if (new Set(ids).size !== ids.length) faults.push("an id is used twice");
  for (const attribute of ["aria-labelledby", "aria-describedby"])
    for (const element of all(`[${attribute}]`))
      if (!element.getAttribute(attribute).split(" ").every(text))
        fault(`${attribute} leads nowhere`, element);
  for (const link of all("a[href^='#']"))
    if (!ids.includes(link.hash.slice(1))) fault("a link leads nowhere", link);
  for (const element of all("a, button, summary, h1, h2, h3, th, option"))
    if (!element.textContent.trim()) fault("no text", element);

  let level = 0;
  for (const heading of all("h1, h2, h3, h4")) {
    const next = Number(heading.tagName[1]);
    if (next > level + 1) fault("a level of heading is skipped", heading);
    level = next;
  }
  for (const only of ["h1", "main", "body > header", "body > footer"])
    if (all(only).length !== 1) faults.push(`${all(only).length} of ${only}`);
  for (const landmark of all("section, nav, article, [role=region], [role=group], svg[role=img]"))
    if (!name(landmark)) fault("no name", landmark);
  for (const drawing of all("svg:not([aria-hidden])")) {
    if (drawing.getAttribute("role") !== "img") fault("a drawing is no image", drawing);
    const numbers = document.getElementById(drawing.getAttribute("aria-describedby"));
    const says_all = drawing.getAttribute("aria-label") || numbers?.querySelector("table");
    if (!says_all) fault("a drawing has no table of its numbers", drawing);
  }
  for (const field of all("input:not([type=hidden]), select"))
    if (!field.labels.length || !field.labels[0].textContent.trim()) fault("no label", field);
  for (const table of all("table")) {
    if (!table.caption?.textContent.trim()) fault("no caption", table);
    for (const head of table.querySelectorAll("th")) if (!head.scope) fault("no scope", head);
    for (const row of table.tBodies[0].rows)
      if (row.cells.length !== table.tHead.rows[0].cells.length) fault("cells are missing", row);
  }
  for (const element of all("body *")) {
    const scrolls = /auto|scroll/.test(getComputedStyle(element).overflowX);
    if (scrolls && element.tabIndex !== 0) fault("scrolls, but not by keyboard", element);
  }
  for (const element of all("[tabindex]")) if (element.tabIndex > 0) fault("jumps the queue", element);
  if (document.documentElement.lang !== "en") faults.push("no language");
  if (!document.title.trim()) faults.push("no title");
  return faults;
}"""
"""What keeps somebody without a mouse or without sight from reading the page."""


class OpenPage:
    def __init__(self, page: Page, file: Path) -> None:
        self.page = page
        self.address = file.as_uri()
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.set_default_timeout(10_000)
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))
        page.goto(self.address)

    def leave(self) -> None:
        self.page.context.close()

    def ask(self, script: str) -> Any:
        return self.page.evaluate(script)

    def texts(self, selector: str) -> list[str]:
        return [text.strip() for text in self.page.locator(selector).all_inner_texts()]

    def boxes(self, selector: str) -> list[dict[str, float]]:
        """Where the elements are drawn, in pixels of the page."""
        return self.ask(
            f"""() => [...document.querySelectorAll({selector!r})].map((element) => {{
                const {{x, y, width, height}} = element.getBoundingClientRect();
                return {{x, y, width, height}};
            }})"""
        )

    def rows(self) -> list[list[str]]:
        """The table of contacts as it is shown."""
        return self.ask(
            """() => [...document.querySelectorAll("#table tbody tr")].map(
                (row) => [...row.cells].map((cell) => cell.innerText.trim()))"""
        )

    def column(self, number: int) -> list[str]:
        return [row[number] for row in self.rows()]

    @property
    def status(self) -> str:
        return self.page.locator("#status").inner_text()

    def find(self, words: str) -> None:
        field = self.page.get_by_role("searchbox")
        field.fill(words)
        field.press("Enter")

    def press(self, name: str, *, although_disabled: bool = False) -> None:
        self.page.get_by_role("button", name=name, exact=True).click(force=although_disabled)
