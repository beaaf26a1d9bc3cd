// The button of the rewards page. It never says "received" before our server does: WeChat's ok only means confirmed.
"use strict";
(function () {
  var button = document.getElementById("take");
  var status = document.getElementById("status");
  if (!button) { return; }

  var WHY = {
    session: "页面停留太久了，请回到公众号，回复「我的邀请」重新打开。",
    off: "邀请活动已经结束，有疑问请回到公众号回复「人工」。",
    nothing: "现在没有可以领取的奖励，请刷新页面看看。",
    in_review: "奖励正在审核，通过后会告诉你。",
    not_yet: "朋友的订单有退款正在处理，等有了结果再来领。",
    too_little: "金额还太少，微信最少转 0.10 元，攒一攒再来领。",
    person_day: "今天领取的金额到上限了，明天再来，奖励为你保留着。",
    budget: "今天的奖励已经发完，明天再来，你的奖励为你保留着。",
    name: "这笔金额需要核对收款人姓名，请回到公众号回复「人工」。",
    pay: "微信支付现在不能付款，奖励为你保留着，请稍后再试。"
  };

  function say(text) { status.textContent = text; }
  function again(text) { say(text); button.disabled = false; button.textContent = "继续领取"; }

  async function ask(url, method, body) {
    var reply = await fetch(url, {
      method: method, headers: { "X-Zhike": "1", "Content-Type": "application/json" }, credentials: "same-origin",
      body: body ? JSON.stringify(body) : undefined
    });
    return reply.json();
  }

  function yuan(fen) { return "¥" + (fen % 100 ? (fen / 100).toFixed(2) : fen / 100); }

  function show(id, fen) {
    var place = document.getElementById(id);
    if (place) { place.textContent = yuan(fen); }
  }

  function received(told) {
    say("已到账，可以在微信钱包的账单里看到。");
    button.textContent = "已到账";
    show("ready", told.ready_fen);
    show("taken", 0);
    show("paid", told.paid_fen);
  }

  function over() { again("这笔转账没有成功，奖励已退回，可以再领一次。"); }

  async function poll(bill, left, waiting) {
    say(waiting);
    try {
      var told = await ask("/rewards/" + bill + "/state", "GET");
      if (told.state === "SUCCESS") { received(told); return; }
      if (told.state === "FAIL" || told.state === "CANCELLED" || told.state === "REFUSED") { over(); return; }
    } catch (error) { say("网络不太好，正在重试……"); }
    if (left > 0) { setTimeout(function () { poll(bill, left - 1, waiting); }, 2000); return; }
    again("还没有收到微信的到账结果。已经确认过的不用再确认，稍后刷新页面看看。");
  }

  // What wx.config does, said to WeChat directly, so that no foreign script runs on the page. Whether it is enough,
  // WeChat's answer to the next call tells.
  function verify(params, done) {
    if (!params.signature) { done(); return; }
    WeixinJSBridge.invoke("preVerifyJSAPI", {
      verifyJsApiList: JSON.stringify(["requestMerchantTransfer"]), verifyAppId: params.appId, appId: params.appId,
      verifySignType: "sha1", verifyTimestamp: params.timestamp, verifyNonceStr: params.nonceStr,
      verifySignature: params.signature
    }, done);
  }

  function confirm(next) {
    verify(next.verify, function () {
      WeixinJSBridge.invoke("requestMerchantTransfer", next.transfer, function (result) {
        var told = String(result && result.err_msg);
        if (told === "requestMerchantTransfer:ok") { poll(next.bill, 30, "已确认收款，正在等微信到账……"); }
        else if (/cancel$/.test(told)) { again("还没有确认收款，24 小时内可以继续领取，过时会退回。"); }
        else { again("没能打开收款页，请把微信更新到最新版后再试；奖励为你保留着。"); }
      });
    });
  }

  function whenReady(next) {
    if (window.WeixinJSBridge) { confirm(next); return; }
    if (!/MicroMessenger/.test(navigator.userAgent)) { again("请在微信里打开这个页面领取。"); return; }
    document.addEventListener("WeixinJSBridgeReady", function () { confirm(next); }, { once: true });
  }

  button.addEventListener("click", async function () {
    button.disabled = true;
    say("正在准备……");
    try {
      var next = await ask("/rewards/take", "POST", { url: location.href.split("#")[0] });
      if (next.state === "confirm") { say("请在微信里确认收款 " + yuan(next.amount_fen)); whenReady(next); }
      else if (next.state === "wait") { await poll(next.bill, 30, "微信正在处理，请稍等……"); }
      else if (next.state === "over") { over(); }
      else { again(WHY[next.why] || "现在领不了，请回到公众号回复「人工」。"); }
    } catch (error) { again("网络不太好，请再试一次；不会重复付款。"); }
  });
})();
