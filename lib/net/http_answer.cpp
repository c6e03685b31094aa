#include "net/http_answer.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstring>

#include "base/text.hpp"

namespace gald::net {

namespace {

/// Shorter ones do not get shorter enough.
constexpr std::size_t kWorthCompressing = 1024;

bool is_compressible(std::string_view type) {
  const std::string name = base::ascii_lower(base::trim(type.substr(0, type.find(';'))));
  return name.starts_with("text/") || name.ends_with("+json") || name.ends_with("+xml") ||
         name == "application/json" || name == "application/javascript" ||
         name == "application/jsonl" || name == "application/x-ndjson" ||
         name == "application/openmetrics-text";
}

std::string* header_of(ServerResponse& response, std::string_view name) {
  for (auto& [known, value] : response.headers)
    if (base::ascii_iequals(known, name))
      return &value;
  return nullptr;
}

bool is_event_stream(ServerResponse& response) {
  const std::string* type = header_of(response, "Content-Type");
  return type != nullptr && type->starts_with("text/event-stream");
}

/// Whether it may be compressed, for this client or another.
bool may_be_encoded(ServerResponse& response) {
  const std::string* type = header_of(response, "Content-Type");
  return type != nullptr && is_compressible(*type) &&
         header_of(response, "Content-Encoding") == nullptr &&
         (response.stream || response.body.size() >= kWorthCompressing);
}

void add_to_vary(ServerResponse& response) {
  std::string* vary = header_of(response, "Vary");
  if (vary == nullptr)
    response.headers.emplace_back("Vary", "Accept-Encoding");
  else if (vary->find("Accept-Encoding") == std::string::npos)
    *vary += ", Accept-Encoding";
}

/// The compressed form is another representation: a strong ETag would promise the same bytes.
void weaken_etag(ServerResponse& response) {
  if (std::string* etag = header_of(response, "ETag"); etag != nullptr && etag->starts_with('"'))
    etag->insert(0, "W/");
}

/// It says what the 200 would say (RFC 9110 section 15.4.5). How long that would be is not known
/// here, but who names the tag in its weak form had the compressed one.
void describe_unsent(ServerResponse& response, const Sending& sending) {
  const std::string* etag = header_of(response, "ETag");
  if (etag == nullptr)
    return;
  const bool had_compressed = sending.if_none_match.find("W/" + *etag) != std::string::npos;
  add_to_vary(response);
  if (sending.gzip && had_compressed)
    weaken_etag(response);
}

void line(std::string& head, std::string_view name, std::string_view value) {
  head += name;
  head += ": ";
  // Nothing that a handler puts into a header may end the line.
  for (const char c : value)
    head += c == '\r' || c == '\n' || c == '\0' ? ' ' : c;
  head += "\r\n";
}

}  // namespace

std::string_view reason_phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 206:
      return "Partial Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 411:
      return "Length Required";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 421:
      return "Misdirected Request";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    default:
      return "";  // RFC 9112 section 4: may be empty
  }
}

HttpDate http_date(std::time_t time) {
  static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  char text[64];
  std::snprintf(text, sizeof text, "%s, %02d %s %04d %02d:%02d:%02d GMT", kDays[parts.tm_wday],
                parts.tm_mday, kMonths[parts.tm_mon], parts.tm_year + 1900, parts.tm_hour,
                parts.tm_min, parts.tm_sec);
  HttpDate date;
  std::memcpy(date.data(), text, date.size());
  return date;
}

Message message_of(ServerResponse& response, const Sending& sending) {
  Message message;
  const bool has_body = response.status != 204 && response.status != 304;
  std::optional<std::uint64_t> length;
  if (!has_body) {
    response.stream.reset();
    response.body.clear();
  }
  if (response.status == 304)
    describe_unsent(response, sending);
  if (has_body && may_be_encoded(response)) {
    add_to_vary(response);
    if (sending.gzip) {
      response.headers.emplace_back("Content-Encoding", "gzip");
      weaken_etag(response);
      if (response.stream)
        message.encoder.emplace(is_event_stream(response) ? GzipWriter::Room::small
                                                          : GzipWriter::Room::usual);
      else
        response.body = gzip(response.body);
    }
  }
  if (!response.stream)
    length = response.body.size();
  else if (!message.encoder)
    length = response.stream->length();
  message.chunked = response.stream && !length && sending.chunks;
  message.until_close = response.stream && !length && !sending.chunks;

  std::string& head = message.head;
  head.reserve(512 + (response.body.size() <= kInOnePiece ? response.body.size() : 0));
  head += "HTTP/1.1 ";
  head += std::to_string(response.status);
  head += ' ';
  head += reason_phrase(response.status);
  head += "\r\nDate: ";
  const HttpDate date = http_date(std::time(nullptr));
  head.append(date.data(), date.size());
  head += "\r\n";
  for (const auto& [name, value] : response.headers)
    line(head, name, value);
  line(head, "X-Content-Type-Options", "nosniff");
  if (message.chunked)
    line(head, "Transfer-Encoding", "chunked");
  else if (length && has_body)
    line(head, "Content-Length", std::to_string(*length));
  if (!sending.keep_alive || message.until_close)
    line(head, "Connection", "close");
  else if (!sending.chunks)
    line(head, "Connection", "keep-alive");
  head += "\r\n";
  if (sending.head) {
    message.encoder.reset();
  } else if (response.body.size() <= kInOnePiece) {
    head += response.body;  // one piece is cheaper to send than two
  } else {
    message.body = std::move(response.body);
  }
  return message;
}

std::size_t date_in(std::string_view message) {
  return message.find("\r\n") + std::string_view("\r\nDate: ").size();
}

std::string framed(Message& message, std::string_view piece, bool end) {
  std::string encoded;
  if (message.encoder) {
    encoded = message.encoder->add(piece, end);
    piece = encoded;
  }
  if (!message.chunked)
    return std::string(piece);
  std::string out;
  out.reserve(piece.size() + 32);
  if (!piece.empty()) {
    char size[16];
    const auto [last, error] = std::to_chars(size, size + sizeof size, piece.size(), 16);
    out.append(size, last);
    out += "\r\n";
    out += piece;
    out += "\r\n";
  }
  if (end)
    out += "0\r\n\r\n";
  return out;
}

}  // namespace gald::net
