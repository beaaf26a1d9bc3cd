// Marks lessons as finished.
"use strict";
document.querySelectorAll("button.done").forEach(function (button) {
  var course = document.getElementById("lessons").dataset.course;

  function finished() {
    var mark = document.createElement("p");
    mark.className = "done";
    mark.textContent = "✓ 已学完";
    button.replaceWith(mark);
    document.getElementById("finished").textContent = document.querySelectorAll("p.done").length;
  }

  button.addEventListener("click", async function () {
    button.disabled = true;
    try {
      var url = "/learn/" + encodeURIComponent(course) + "/" + button.dataset.position + "/done";
      var reply = await fetch(url, { method: "POST", headers: { "X-Zhike": "1" }, credentials: "same-origin" });
      if (reply.ok) { finished(); } else { button.textContent = "没有记下来，请从公众号重新打开"; }
    } catch (error) { button.disabled = false; button.textContent = "网络不太好，再点一次"; }
  });
});
