// Sends with the clients that npm has for Slack, ntfy and Gotify, as their documentation
// shows. usage: tools.mjs BASE MODULES; BASE is the address of stanzahook's HTTP server.
import {createRequire} from "node:module";
import {pathToFileURL} from "node:url";
import {join} from "node:path";

const [base, modules] = process.argv.slice(2);
const require = createRequire(join(modules, "package.json"));
const {IncomingWebhook} = require("@slack/webhook");
const {WebClient} = require("@slack/web-api");
const {gotify} = require("gotify");
const {NtfyClient} = await import(pathToFileURL(join(modules, "node_modules/ntfy/dist/index.js")).href);

const hook = await new IncomingWebhook(`${base}/hooks/slack/s3cret-slack`).send({text: "I've got news for you...", blocks: [{type: "section", text: {type: "mrkdwn", text: "*News* from <https://example.org|here>"}}]});

const slack = new WebClient("s3cret-slack", {slackApiUrl: `${base}/api/`, retryConfig: {retries: 0}});
const who = await slack.auth.test();
const first = await slack.chat.postMessage({channel: "C0LAN2Q65", text: "Hello world", attachments: [{text: "And here's an attachment!"}]});
console.log(JSON.stringify({hook: hook.text, user: who.user, ok: first.ok}));
// what follows refers to the first message, whose copy has to come first
await new Promise(go => process.stdin.once("data", go));
await slack.chat.postMessage({channel: first.channel, thread_ts: first.ts, text: "In the thread"});
await slack.chat.update({channel: first.channel, ts: first.ts, text: "Hello again"});
let unknown = "";
try {
	await slack.chat.update({channel: first.channel, ts: "1.000001", text: "x"});
} catch (e) {
	unknown = e.data?.error ?? String(e);
}

const said = await new NtfyClient({server: `${base}/hooks/ntfy/s3cret-ntfy/`}).publish({
	topic: "mytopic", message: "Remote access detected", title: "Unauthorized", priority: 5, tags: ["warning"], clickURL: "https://example.org", actions: [{type: "view", label: "Open", url: "https://example.org/a"}],
});
const sent = await gotify({server: `${base}/hooks/gotify`, app: "s3cret-gotify", title: "Backup", message: "It has finished", priority: 5});
console.log(JSON.stringify({unknown, event: said.event, message: sent.message}));
process.exit(0);
