// Forms that ask our server and say what came of it, in the words that the page gives for each outcome.
// The outcome "sure" is a question: the next press answers it with yes.
"use strict";
document.querySelectorAll("form[data-post]").forEach(function (form) {
  var status = form.querySelector("[role=status]");
  var button = form.querySelector("button");

  form.addEventListener("submit", async function (event) {
    event.preventDefault();
    button.disabled = true;
    status.textContent = "请稍等……";
    try {
      var reply = await fetch(form.dataset.post, {
        method: "POST", headers: { "X-Zhike": "1" }, credentials: "same-origin", body: new URLSearchParams(new FormData(form))
      });
      var told = await reply.json();
      if (told.state === "sure") { form.elements.sure.value = "1"; button.textContent = form.dataset.yes; }
      status.textContent = form.getAttribute("data-" + told.state) || "没有办成，请回到公众号回复「人工」。";
      if (told.go && told.state !== form.dataset.stay) { location.replace(told.go); return; }
    } catch (error) { status.textContent = "网络不太好，请再试一次。"; }
    button.disabled = false;
  });
});
