// The button of the course page. It never says "paid" before our server does.
"use strict";
(function () {
  var button = document.getElementById("buy");
  var status = document.getElementById("status");
  var course = document.getElementById("course").dataset.course;
  if (!button) { return; }

  var WHY = {
    session: "页面停留太久了，请从公众号重新打开。",
    no_pay: "暂未开通支付，请回到公众号回复「人工」。",
    off_sale: "这门课刚刚下架了，没有扣款；回公众号告诉我想学什么，我再帮你找。",
    in_wechat_only: "免费课请在微信里打开领取。",
    settled: "这笔订单已经有了结果，没有再扣款，请刷新页面看看。",
    over: "这笔订单过了付款时间，没有扣款，请再点一次。",
    offer_gone: "这个优惠刚刚没有了，没有扣款，请刷新页面看现在的价格。",
    not_to_give: "这门课现在不能送人，没有扣款。",
    no_group: "这个团已经结束了，没有扣款。可以自己开一个团，或单独购买。",
    in_group: "你已经在团里了，不用再付。在公众号回复「我的拼团」看进度。",
    group_full: "名额刚被占满了，没有扣款。可以自己开一个团。"
  };

  function say(text) { status.textContent = text; }
  function again(text) { say(text); button.disabled = false; }

  async function ask(url, method) {
    var reply = await fetch(url, { method: method, headers: { "X-Zhike": "1" }, credentials: "same-origin" });
    return reply.json();
  }

  async function poll(order, left, waiting) {
    say(waiting);
    try {
      var told = await ask("/order/" + order + "/state", "GET");
      if (told.state === "PAID") { say("付款成功，正在打开课程……"); location.replace(told.learn); return; }
      if (told.state === "CANCELLED") { again("订单已过期，没有扣款。想买可以再点一次。"); return; }
    } catch (error) { say("网络不太好，正在重试……"); }
    if (left > 0) { setTimeout(function () { poll(order, left - 1, waiting); }, 2000); return; }
    again("还没有收到微信的付款结果。如果已经付款，不用再付，稍后在公众号回复「我付了」查询。");
  }

  // The sheet would not open: perhaps because the order has been paid in another window.
  async function refused(order) {
    try {
      var told = await ask("/order/" + order + "/state", "GET");
      if (told.state === "PAID") { say("这笔订单已经付过了，正在打开课程……"); location.replace(told.learn); return; }
    } catch (error) { /* the sentence below says what to do */ }
    again("没能打开微信支付，请再试一次。");
  }

  // Nothing was ordered: the page shows the price of now, and the next tap is to that one.
  function reprice(next) {
    var quote = document.getElementById("quote");
    if (!quote) { location.reload(); return; }  // a page of one price, or of none when it was opened
    quote.innerHTML = next.quote;
    document.getElementById("total").textContent = next.price;
    button.dataset.total = next.total;
    button.dataset.coupon = next.coupon;
    var field = document.getElementById("coupon");
    if (field) { field.value = next.coupon; }
    document.getElementById("price").scrollIntoView();
    again("价格有变动，还没有扣款。看过新的价格，再点一次付款。");
  }

  // A code that was typed but not looked at yet is shown with its price first.
  function unseen() {
    var field = document.getElementById("coupon");
    var typed = field ? field.value.trim().toUpperCase() : "";
    if (!typed || typed === button.dataset.coupon || typed === field.defaultValue.trim().toUpperCase()) { return false; }
    document.getElementById("coupon-form").submit();
    return true;
  }

  function invoke(order, params) {
    WeixinJSBridge.invoke("getBrandWCPayRequest", params, function (result) {
      if (result.err_msg === "get_brand_wcpay_request:ok") { poll(order, 30, "正在向微信确认付款……"); }
      else if (result.err_msg === "get_brand_wcpay_request:cancel") { again("已取消付款，订单还为你保留着。"); }
      else { refused(order); }
    });
  }

  function pay(order, params) {
    if (window.WeixinJSBridge) { invoke(order, params); return; }
    document.addEventListener("WeixinJSBridgeReady", function () { invoke(order, params); }, { once: true });
  }

  button.addEventListener("click", async function () {
    if (unseen()) { return; }
    button.disabled = true;
    say("正在下单……");
    try {
      var from = new URLSearchParams(location.search).get("from") || "";
      var place = button.dataset.order || "/c/" + encodeURIComponent(course) + "/order";
      var asked = new URLSearchParams({ from: from });
      if (button.dataset.total) { asked.set("total", button.dataset.total); asked.set("coupon", button.dataset.coupon); }
      var next = await ask(place + "?" + asked, "POST");
      if (next.state === "owned") { location.replace(next.learn); }
      else if (next.state === "paid") { say("这笔订单已经付过了，正在打开课程……"); location.reload(); }
      else if (next.state === "pay") { say("请在微信里完成付款"); pay(next.order_no, next.bridge); }
      else if (next.state === "scan") {
        var box = document.getElementById("qr");
        box.innerHTML = next.qr;
        box.hidden = false;
        poll(next.order_no, 150, "请用微信扫码付款；付好后在公众号回复「我的课程」学习。");
      }
      else if (next.state === "price") { reprice(next); }
      else if (next.state === "retry") { again("微信支付暂时没有回应，没有扣款，请稍后再试。"); }
      else { again(WHY[next.why] || "这门课现在买不了，请回到公众号回复「人工」。"); }
    } catch (error) { again("网络不太好，请再试一次。"); }
  });
})();
