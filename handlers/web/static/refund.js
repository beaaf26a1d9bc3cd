// The button that confirms a refund, and the waiting afterwards. It says only what our server says.
"use strict";
(function () {
  var page = document.getElementById("refund");
  var told = document.getElementById("told");
  var preview = document.getElementById("preview");
  var button = document.getElementById("confirm");
  var url = "/my-orders/" + page.dataset.order + "/refund";
  var ON_ITS_WAY = ["NEW", "PROCESSING"];
  var AGAIN = "zhike-refund-changed";

  function say(text) { told.textContent = text; }
  function again(text) { say(text); button.disabled = false; }

  async function ask(target, method) {
    var reply = await fetch(target, { method: method, headers: { "X-Zhike": "1" }, credentials: "same-origin" });
    return reply.json();
  }

  async function poll(left) {
    try {
      var now = await ask(url + "/state", "GET");
      page.dataset.state = now.state;
      if (now.told) { say(now.told); }
      if (ON_ITS_WAY.indexOf(now.state) < 0) { return; }
    } catch (error) { /* what was said last is still true */ }
    if (left > 0) { setTimeout(function () { poll(left - 1); }, 3000); }
  }

  function follow(state) { if (ON_ITS_WAY.indexOf(state) >= 0) { setTimeout(function () { poll(60); }, 2000); } }

  if (sessionStorage.getItem(AGAIN)) {
    sessionStorage.removeItem(AGAIN);
    if (button) { say("页面上的金额已经更新，还没有退，请看清楚再确认。"); }
  }
  follow(page.dataset.state);
  if (!button) { return; }

  button.addEventListener("click", async function () {
    button.disabled = true;
    say("正在提交……");
    try {
      var next = await ask(url + "?fen=" + button.dataset.fen + "&at=" + button.dataset.at, "POST");
      if (next.state === "changed") { sessionStorage.setItem(AGAIN, "1"); location.reload(); return; }
      page.dataset.state = next.state;
      if (next.state === "refused") { again(next.told); return; }
      if (next.state === "unknown") { say("没有找到这笔订单，请从公众号重新打开。"); return; }
      preview.hidden = true;
      say(next.told);
      follow(next.state);
    } catch (error) { again("网络不太好，还不知道有没有提交，请再点一次：不会重复退款。"); }
  });
})();
