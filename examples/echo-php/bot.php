<?php
// Echo bot: answers each message with its text. Run: php -S 127.0.0.1:8080 bot.php
// It answers format event, and that of mod_component_http as well.
$event = json_decode(file_get_contents('php://input'));
$body = $event->data->body ?? $event->body ?? '';
if ($body === '') {
    http_response_code(204); // nothing to say
    exit;
}
header('Content-Type: application/json');
echo json_encode(['body' => "You said: $body"]);
