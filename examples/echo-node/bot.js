// Echo bot: answers each message with its text. Run: node bot.js [PORT]   (default 8080)
const http = require("node:http");

http.createServer((request, response) => {
  let text = "";
  request.setEncoding("utf8");
  request.on("data", (part) => { text += part; });
  request.on("end", () => {
    const { body } = JSON.parse(text).data;
    if (!body) return response.writeHead(204).end(); // nothing to say
    response.writeHead(200, { "Content-Type": "application/json" });
    response.end(JSON.stringify({ body: `You said: ${body}` }));
  });
}).listen(Number(process.argv[2] ?? 8080), "127.0.0.1");
