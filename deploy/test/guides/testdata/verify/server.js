const SECRET = process.argv[3];
require("node:http").createServer((req, res) => {
  const parts = [];
  req.on("data", (part) => parts.push(part)).on("end", () => {
    const body = Buffer.concat(parts);
    HANDLER
    res.writeHead(204).end();
  });
}).listen(+process.argv[2], "127.0.0.1");
