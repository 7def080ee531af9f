// Search on the API's page: what does not have every word of the search is hidden, in the list and in the text.
"use strict";

const search = document.getElementById("search");
const articles = [...document.querySelectorAll("article[data-search]")].map((article) => ({
  article,
  entry: document.querySelector(`nav [data-operation="${article.id}"]`),
  text: `${article.dataset.search} ${article.textContent}`.toLowerCase(),
}));

function show() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let found = 0;
  for (const { article, entry, text } of articles) {
    const fits = words.every((word) => text.includes(word));
    article.hidden = entry.hidden = !fits;
    found += fits ? 1 : 0;
  }
  for (const heading of document.querySelectorAll("nav h2")) {
    heading.hidden = [...heading.nextElementSibling.children].every((entry) => entry.hidden);
  }
  for (const chapter of document.querySelectorAll(".chapter")) {
    chapter.hidden = [...chapter.querySelectorAll("article")].every((article) => article.hidden);
  }
  document.getElementById("nothing").hidden = found > 0;
  if (words.length) {
    articles.find(({ article }) => !article.hidden)?.article.scrollIntoView();
  }
}

search.addEventListener("input", show);
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && document.activeElement !== search) {
    event.preventDefault();
    search.focus();
  }
});
