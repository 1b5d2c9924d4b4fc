define('SECRET', getenv('SECRET'));
$body = file_get_contents('php://input');
HANDLER
http_response_code(204);
