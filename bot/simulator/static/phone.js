// The phone page: draws the follower's screen, and turns taps into calls of /phone/api/.
"use strict";

const $ = (id) => document.getElementById(id);
const MINUTES_BETWEEN_TIMES = 5;
const LONGEST_PAUSE = 8000;
const TOP_WIDTH = 8; // half-width characters of a menu button that are shown
const SUB_WIDTH = 16;

let me = "";
let state = null;
let seen = 0;
let known = "";
let lastTime = 0;
let writing = false; // keyboard shown instead of the menu
let drawnMenu = "";
let round = 0; // grows when another follower takes the phone; older polls then fall silent

// ---- talking to the simulator ----

async function post(what, body) {
  let told;
  try {
    const answer = await fetch(`/phone/api/${what}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ openid: me, ...body }),
    });
    told = answer.ok ? await answer.json() : { error: `HTTP ${answer.status}`, lost: answer.status === 404 };
  } catch {
    told = { error: "连不上模拟器", lost: true };
  }
  if (told.error) notice(told.error);
  return told;
}

async function say(text) {
  const told = await act("say", { text });
  if (told.lost) drawUnsent(text);
}

const act = (what, more = {}) => post("act", { do: what, ...more });

async function poll(mine) {
  let pause = 1000;
  while (mine === round) {
    try {
      const query = new URLSearchParams({ openid: me, after: seen, known });
      const answer = await fetch(`/phone/api/screen?${query}`);
      if (answer.status === 404) {
        trouble("模拟器重新启动过，刚才的聊天已经没有了。", "重新开始");
        return;
      }
      if (!answer.ok) throw new Error(String(answer.status));
      pause = 1000;
      trouble("");
      const told = await answer.json();
      if (mine !== round) return;
      if (told.start < seen) clearChat();
      known = told.known;
      drawState(told.state);
      told.items.forEach(drawItem);
      seen = told.start + told.items.length;
    } catch {
      if (mine !== round) return;
      trouble("连不上模拟器，正在重试……停掉了的话，重新运行 make demo。", "刷新");
      await new Promise((done) => setTimeout(done, pause));
      pause = Math.min(pause * 2, LONGEST_PAUSE);
    }
  }
}

async function become(openid) {
  me = openid;
  sessionStorage.setItem("openid", openid);
  round += 1;
  known = "";
  writing = false;
  clearChat();
  closeWeb();
  togglePlus(false);
  poll(round);
}

// ---- the frame around the chat ----

function drawState(next) {
  state = next;
  document.title = `${next.account} · 微信模拟器`;
  $("account-name").textContent = $("card-name").textContent = next.account;
  $("card-avatar").textContent = next.account.slice(0, 1);
  $("typing").hidden = !next.typing;
  $("served").hidden = !next.served;
  $("agent-send").hidden = !next.served;
  $("agent-text").disabled = !next.served;
  $("agent-turn").textContent = next.served ? "客服关闭" : "客服接入";
  drawNotices(next.notices);
  $("card").hidden = next.subscribed;
  $("chat").hidden = !next.subscribed;
  $("bar").hidden = !next.subscribed;
  if (!next.subscribed) togglePlus(false);
  drawFollowers(next.followers);
  $("platform").value = next.platform;
  drawMenu(next.menu);
}

function drawFollowers(followers) {
  const select = $("followers");
  const drawn = [...select.options].map((each) => each.value).join();
  if (drawn !== followers.map((each) => each.openid).join()) {
    select.replaceChildren(...followers.map((each) => new Option(each.name, each.openid)));
  }
  select.value = me;
}

function drawNotices(notices) {
  const select = $("notices");
  const chosen = select.value;
  $("notice-form").hidden = notices.length === 0;
  select.replaceChildren(...notices.map((each) => new Option(`${each.title} ×${each.allowed}`, each.id)));
  if (notices.some((each) => each.id === chosen)) select.value = chosen;
}

function drawMenu(menu) {
  const buttons = menu ? menu.button : [];
  const hasMenu = buttons.length > 0;
  const keyboard = writing || !hasMenu;
  $("menu-toggle").hidden = !hasMenu;
  $("menu-toggle").textContent = keyboard ? "☰" : "⌨";
  $("menu").hidden = keyboard;
  $("write").hidden = !keyboard;
  const next = JSON.stringify(buttons);
  if (next === drawnMenu) return;
  drawnMenu = next;
  $("menu").replaceChildren(...buttons.map(drawTop));
}

function drawTop(button) {
  const box = document.createElement("div");
  const top = menuButton(button, TOP_WIDTH);
  box.append(top);
  const items = button.sub_button || [];
  if (items.length === 0) return box;
  top.textContent = `≡ ${shortened(button.name, TOP_WIDTH)}`;
  const sub = document.createElement("div");
  sub.className = "sub";
  sub.hidden = true;
  sub.append(...items.map((each) => menuButton(each, SUB_WIDTH)));
  top.onclick = () => {
    const wasHidden = sub.hidden;
    closeSubs();
    sub.hidden = !wasHidden;
  };
  box.append(sub);
  return box;
}

// WeChat shows four Chinese characters of a button, eight of an entry; what is longer ends in dots.
function shortened(name, most) {
  let width = 0;
  let shown = "";
  for (const char of name) {
    width += char.codePointAt(0) > 0xff ? 2 : 1;
    if (width > most) return `${shown}…`;
    shown += char;
  }
  return name;
}

function menuButton(button, most = TOP_WIDTH) {
  const element = document.createElement("button");
  element.type = "button";
  element.textContent = shortened(button.name, most);
  element.dataset.menu = button.name;
  if (button.key) element.dataset.key = button.key;
  element.onclick = () => {
    closeSubs();
    if (button.type === "view") {
      openWeb(button.url);
      act("view", { url: button.url });
    } else if (button.type === "click") {
      act("click", { key: button.key });
    } else {
      notice(`模拟器不演 ${button.type} 类型的菜单`);
    }
  };
  return element;
}

function closeSubs() {
  document.querySelectorAll("#menu .sub").forEach((each) => { each.hidden = true; });
}

function togglePlus(open) {
  $("plus-panel").hidden = !open;
  $("chat").scrollTop = $("chat").scrollHeight;
  $("plus").setAttribute("aria-expanded", String(open));
}

function notice(text) {
  $("notice").textContent = text;
  $("notice").hidden = false;
  clearTimeout(notice.timer);
  notice.timer = setTimeout(() => { $("notice").hidden = true; }, 4000);
}

// A bar that stays for as long as the simulator cannot be reached, with a button that loads the page anew.
function trouble(text, button = "") {
  $("trouble").hidden = !text;
  $("trouble-text").textContent = text;
  $("trouble-reload").textContent = button;
}

// ---- the chat ----

function clearChat() {
  $("chat").replaceChildren();
  seen = 0;
  lastTime = 0;
}

function drawItem(item) {
  const chat = $("chat");
  if (item.at - lastTime > MINUTES_BETWEEN_TIMES * 60) {
    const time = document.createElement("time");
    time.textContent = new Date(item.at * 1000).toLocaleTimeString("zh-CN", { hour: "2-digit", minute: "2-digit" });
    chat.append(time);
    lastTime = item.at;
  }
  chat.append(item.via === "system" ? systemLine(item) : row(item));
  chat.scrollTop = chat.scrollHeight;
}

// What was written while nobody could take it stays visible, and marked, until the screen is drawn anew.
function drawUnsent(text) {
  const line = row({ kind: "text", text, via: "self" });
  const mark = document.createElement("small");
  mark.className = "unsent";
  mark.textContent = "! 未送达";
  line.append(mark);
  $("chat").append(line);
  $("chat").scrollTop = $("chat").scrollHeight;
}

function systemLine(item) {
  const line = document.createElement("p");
  line.className = "system";
  line.dataset.kind = item.kind;
  line.textContent = item.text;
  return line;
}

function row(item) {
  const side = item.via === "self" ? "self" : "account";
  const line = document.createElement("div");
  line.className = `row ${side}`;
  const avatar = document.createElement("div");
  avatar.className = `avatar ${side}`;
  avatar.textContent = (side === "self" ? myName() : state.account).slice(0, 1);
  const bubble = document.createElement("div");
  bubble.className = `bubble ${side} ${item.kind}`;
  bubble.dataset.kind = item.kind;
  bubble.dataset.via = item.via;
  fill(bubble, item, side);
  line.append(avatar, bubble);
  return line;
}

const NAMES = { image: "[图片]", voice: "[语音]", video: "[视频]", music: "[音乐]", location: "[位置]", link: "[链接]" };

function fill(bubble, item, side) {
  if (item.kind === "news") {
    item.articles.forEach((each) => bubble.append(card(each)));
  } else if (side === "account" && (item.kind === "text" || item.kind === "msgmenu")) {
    fillText(bubble, item.text);
  } else if (item.kind === "template" || item.kind === "subscribe") {
    fillNotice(bubble, item);
  } else {
    bubble.textContent = [NAMES[item.kind] || "", item.text].filter(Boolean).join(" ");
  }
}

// A template message or 订阅通知: a card with its title, a line a field, and the way to the page behind it.
function fillNotice(bubble, item) {
  const [title, ...lines] = item.text.split("\n");
  const head = document.createElement("b");
  head.textContent = title;
  bubble.append(head, "\n", lines.join("\n"));
  item.links.forEach(([label, href]) => bubble.append("\n", link(href, label)));
}

// In-text links are the only markup that WeChat shows; everything else stays text.
function fillText(bubble, text) {
  const anchor = /<a\s([^<>]*)>([^<>]*)<\/a>/g;
  let end = 0;
  for (const found of text.matchAll(anchor)) {
    bubble.append(text.slice(end, found.index));
    const href = /\bhref=(?:"([^"]*)"|'([^']*)')/.exec(found[1]);
    bubble.append(href ? link(href[1] || href[2] || "", found[2]) : found[2]);
    end = found.index + found[0].length;
  }
  bubble.append(text.slice(end));
}

function link(href, label) {
  const element = document.createElement("a");
  element.textContent = label;
  element.dataset.href = href;
  element.href = "#";
  element.onclick = (event) => {
    event.preventDefault();
    follow(href);
  };
  return element;
}

function card(article) {
  const element = link(article.url, "");
  if (article.picture) {
    const image = document.createElement("img");
    image.src = article.picture;
    image.alt = "";
    image.onerror = () => image.remove();
    element.append(image);
  }
  const title = document.createElement("b");
  title.textContent = article.title;
  const description = document.createElement("span");
  description.textContent = article.description;
  element.append(title, description);
  return element;
}

function follow(href) {
  if (!href.startsWith("weixin://bizmsgmenu?")) {
    openWeb(href);
    return;
  }
  const part = (name) => decodeURIComponent((new RegExp(`[?&]${name}=([^&]*)`).exec(href) || ["", ""])[1]);
  act("say", { text: part("msgmenucontent"), bizmsgmenuid: part("msgmenuid") });
}

const myName = () => ((state.followers.find((each) => each.openid === me) || { name: "我" }).name);

// ---- the web view ----

function openWeb(url) {
  const ours = [state.webview, state.shop].some((origin) => origin && (url === origin || url.startsWith(`${origin}/`)));
  if (!ours) {
    notice(`外部网页，模拟器不打开：${url}`);
    return;
  }
  $("webview-title").textContent = "";
  frame().src = `${state.webview}/__wx/open?${new URLSearchParams({ as: me, to: url })}`;
  $("webview").hidden = false;
}

function closeWeb() {
  $("webview").hidden = true;
  frame().removeAttribute("src");
}

const frame = () => document.querySelector("#webview iframe");

addEventListener("message", (event) => {
  if (!state || event.origin !== state.webview || !event.data || event.data.from !== "wx-webview") return;
  if (event.data.close) closeWeb();
  else $("webview-title").textContent = event.data.title || "";
});

// ---- scanning a payment code ----

async function scanPay(codeUrl) {
  const told = await post("scan-pay", { code_url: codeUrl });
  if (!told.sheet) return;
  $("scan-pay-merchant").textContent = told.sheet.merchant;
  $("scan-pay-amount").textContent = `¥${(told.sheet.total / 100).toFixed(2)}`;
  $("scan-pay-description").textContent = told.sheet.description;
  $("scan-pay").hidden = false;
  $("scan-pay-cancel").onclick = () => { $("scan-pay").hidden = true; };
  $("scan-pay-confirm").onclick = async () => {
    $("scan-pay").hidden = true;
    const paid = await post("scan-pay", { code_url: codeUrl, confirm: true });
    if (paid.paid) notice("支付成功");
  };
}

// ---- wiring ----

function onSubmit(form, input, work) {
  $(form).addEventListener("submit", (event) => {
    event.preventDefault();
    work($(input).value.trim());
    $(input).value = "";
  });
}

onSubmit("write", "text", (text) => { if (text) say(text); });
onSubmit("voice-form", "voice-text", (recognition) => act("voice", { recognition }));
onSubmit("scan-form", "scan-scene", (scene) => { if (scene) act("scan", { scene }); });
onSubmit("card-form", "card-scene", (scene) => { if (scene) act("scan", { scene }); });
onSubmit("pay-form", "pay-code", (code) => { if (code) scanPay(code); });
onSubmit("agent-form", "agent-text", (text) => { if (text) act("agent_says", { text }); });
$("agent-turn").onclick = () => act(state.served ? "agent_closes" : "agent_takes");
$("notice-allow").onclick = () => act("allow", { template_id: $("notices").value });
$("notice-decline").onclick = () => act("decline", { template_id: $("notices").value });
$("follow").onclick = () => act("follow");
$("unfollow").onclick = () => act("unfollow");
document.querySelectorAll("[data-act]").forEach((each) => { each.onclick = () => act(each.dataset.act); });
$("plus").onclick = () => togglePlus($("plus-panel").hidden);
$("menu-toggle").onclick = () => { writing = !writing; togglePlus(false); closeSubs(); drawMenu(state.menu); };
$("webview-close").onclick = closeWeb;
$("trouble-reload").onclick = () => location.reload();
$("followers").onchange = (event) => become(event.target.value);
$("platform").onchange = (event) => act("platform", { platform: event.target.value });
$("new-follower").onclick = async () => {
  const told = await post("followers", { name: "" });
  if (told.openid) become(told.openid);
};
$("reset").onclick = async () => {
  const told = await post("reset", {});
  if (!told.error) become(me);
};

(async () => {
  const told = await (await fetch("/phone/api/state")).json();
  const mine = sessionStorage.getItem("openid");
  const followers = told.state.followers;
  const found = followers.find((each) => each.openid === mine) || followers[0];
  become(found ? found.openid : (await post("followers", { name: "小林" })).openid);
})();
