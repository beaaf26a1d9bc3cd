// WeChat's side of a page in the simulated web view: WeixinJSBridge, and the cashier sheet it opens.
// Styles are set through the CSSOM, so a strict Content-Security-Policy of the page does not matter.
(function () {
  "use strict";

  var SHEET_FONT = "-apple-system, 'PingFang SC', 'Noto Sans CJK SC', 'Microsoft YaHei', sans-serif";

  function make(parent, tag, id, style, text) {
    var element = document.createElement(tag);
    if (id) element.id = id;
    Object.assign(element.style, style || {});
    if (text !== undefined) element.textContent = text;
    parent.appendChild(element);
    return element;
  }

  function ask(step, params, of) {
    return fetch("/__wx/" + (of || "pay") + "/" + step, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(params),
      credentials: "same-origin",
      cache: "no-store"
    }).then(function (answer) {
      if (!answer.ok) throw new Error("HTTP " + answer.status);
      return answer.json();
    });
  }

  function openSheet() {
    var shade = make(document.body, "div", "wx-pay", {
      position: "fixed", inset: "0", zIndex: "2147483647", background: "rgba(0,0,0,.6)",
      display: "flex", alignItems: "flex-end", justifyContent: "center", fontFamily: SHEET_FONT
    });
    shade.setAttribute("role", "dialog");
    shade.setAttribute("aria-modal", "true");
    shade.setAttribute("aria-label", "微信支付");
    var panel = make(shade, "div", "", {
      width: "100%", boxSizing: "border-box", background: "#fff", color: "#191919",
      borderRadius: "14px 14px 0 0", padding: "20px 24px 28px", textAlign: "center", lineHeight: "1.5"
    });
    return { shade: shade, panel: panel };
  }

  var BUTTON = {
    display: "block", width: "100%", maxWidth: "280px", margin: "12px auto 0", padding: "12px", border: "0",
    borderRadius: "8px", fontSize: "17px", fontFamily: "inherit", lineHeight: "1.4", minHeight: "0", cursor: "pointer"
  };
  var GREEN = Object.assign({}, BUTTON, { background: "#07c160", color: "#fff", fontWeight: "600" });
  var GREY = Object.assign({}, BUTTON, { background: "#f2f2f2", color: "#06ae56", fontWeight: "600" });

  function fail(message, done) {
    var sheet = openSheet();
    make(sheet.panel, "p", "wx-pay-error", { margin: "8px 0 12px", fontSize: "17px" }, message);
    var button = make(sheet.panel, "button", "wx-pay-error-ok", GREY, "我知道了");
    button.type = "button";
    button.onclick = function () {
      sheet.shade.remove();
      done({ err_msg: "get_brand_wcpay_request:fail", err_desc: message });
    };
    button.focus();
  }

  function succeed(sheet, done) {
    sheet.panel.textContent = "";
    make(sheet.panel, "p", "wx-pay-done", { margin: "20px 0", fontSize: "20px", color: "#07c160" }, "✓ 支付成功");
    var button = make(sheet.panel, "button", "wx-pay-finish", GREY, "完成");
    button.type = "button";
    button.onclick = function () {
      sheet.shade.remove();
      done({ err_msg: "get_brand_wcpay_request:ok" });
    };
    button.focus();
  }

  function showSheet(params, told, done) {
    var sheet = openSheet();
    make(sheet.panel, "div", "", { color: "#888", fontSize: "14px" }, "模拟的微信支付，不会真的扣款");
    make(sheet.panel, "div", "wx-pay-merchant", { marginTop: "12px", fontSize: "16px" }, told.merchant);
    make(sheet.panel, "div", "wx-pay-amount", { fontSize: "38px", fontWeight: "700" }, "¥" + (told.total / 100).toFixed(2));
    make(sheet.panel, "div", "wx-pay-description", { color: "#888", fontSize: "14px" }, told.description);
    var confirm = make(sheet.panel, "button", "wx-pay-confirm", GREEN, "确认支付");
    var cancel = make(sheet.panel, "button", "wx-pay-cancel", GREY, "取消");
    confirm.type = cancel.type = "button";
    cancel.onclick = function () {
      sheet.shade.remove();
      done({ err_msg: "get_brand_wcpay_request:cancel" });
    };
    confirm.onclick = function () {
      confirm.disabled = cancel.disabled = true;
      confirm.textContent = "正在支付…";
      ask("confirm", params).then(function (answer) {
        if (answer.paid) return succeed(sheet, done);
        sheet.shade.remove();
        fail(answer.error, done);
      }).catch(function (error) {
        sheet.shade.remove();
        fail("网络异常：" + error.message, done);
      });
    };
    confirm.focus();
  }

  function pay(params, done) {
    ask("check", params || {}).then(function (answer) {
      if (answer.sheet) showSheet(params, answer.sheet, done);
      else fail(answer.error, done);
    }).catch(function (error) {
      fail("网络异常：" + error.message, done);
    });
  }

  // ---- 商家转账: a page may ask for it only once it has proved whose it is, as wx.config does ----

  var verified = false;

  function verify(params, done) {
    ask("verify", { params: params || {}, url: location.href }, "transfer").then(function (answer) {
      verified = Boolean(answer.verified);
      done({ err_msg: verified ? "pre_verify_jsapi:ok" : answer.error });
    }).catch(function () { done({ err_msg: "pre_verify_jsapi:fail" }); });
  }

  function showTransfer(params, told, done) {
    var sheet = openSheet();
    sheet.shade.id = "wx-transfer";
    sheet.shade.setAttribute("aria-label", told.red_packet ? "微信红包" : "确认收款");
    make(sheet.panel, "div", "", { color: "#888", fontSize: "14px" }, "模拟的微信收款，不会真的到账");
    make(sheet.panel, "div", "wx-transfer-merchant", { marginTop: "12px", fontSize: "16px" },
      told.merchant + (told.red_packet ? "给你发了一个红包" : "向你转账"));
    make(sheet.panel, "div", "wx-transfer-amount", { fontSize: "38px", fontWeight: "700" }, "¥" + (told.total / 100).toFixed(2));
    make(sheet.panel, "div", "wx-transfer-remark", { color: "#888", fontSize: "14px" }, told.remark);
    var confirm = make(sheet.panel, "button", "wx-transfer-confirm", GREEN, told.red_packet ? "领取红包" : "确认收款");
    var cancel = make(sheet.panel, "button", "wx-transfer-cancel", GREY, "取消");
    confirm.type = cancel.type = "button";
    cancel.onclick = function () {
      sheet.shade.remove();
      done({ err_msg: "requestMerchantTransfer:cancel" });
    };
    confirm.onclick = function () {
      confirm.disabled = cancel.disabled = true;
      ask("confirm", { params: params }, "transfer").then(function (answer) {
        sheet.shade.remove();
        done({ err_msg: answer.received ? "requestMerchantTransfer:ok" : "requestMerchantTransfer:fail", err_desc: answer.error });
      }).catch(function () {
        sheet.shade.remove();
        done({ err_msg: "requestMerchantTransfer:fail" });
      });
    };
    confirm.focus();
  }

  function transfer(params, done) {
    if (!verified) { done({ err_msg: "requestMerchantTransfer:permission denied" }); return; }
    ask("check", { params: params || {} }, "transfer").then(function (answer) {
      if (answer.sheet) showTransfer(params, answer.sheet, done);
      else done({ err_msg: "requestMerchantTransfer:fail", err_desc: answer.error });
    }).catch(function () { done({ err_msg: "requestMerchantTransfer:fail" }); });
  }

  function toPhone(message) {
    if (window.parent !== window) window.parent.postMessage(Object.assign({ from: "wx-webview" }, message), "*");
  }

  function invoke(name, params, callback) {
    var done = callback || function () {};
    if (name === "getBrandWCPayRequest") pay(params, done);
    else if (name === "preVerifyJSAPI") verify(params, done);
    else if (name === "requestMerchantTransfer") transfer(params, done);
    else if (name === "closeWindow") { toPhone({ close: true }); done({ err_msg: "close_window:ok" }); }
    else done({ err_msg: name + ":ok" });
  }

  // The real bridge arrives when it arrives: often after the page's own scripts.
  function arrive() {
    window.WeixinJSBridge = { invoke: invoke, call: function (name) { invoke(name); }, on: function () {} };
    document.dispatchEvent(new Event("WeixinJSBridgeReady"));
    toPhone({ title: document.title });
  }

  if (document.readyState === "loading") {
    document.addEventListener("DOMContentLoaded", function () { setTimeout(arrive, 60); });
  } else {
    setTimeout(arrive, 60);
  }
})();
