// What goes out: the text of an answer (RFC 9110, 9112), without any I/O. Used by the HTTP server.
#pragma once

#include <array>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>

#include "net/gzip.hpp"
#include "net/http_server.hpp"

namespace gald::net {

/// "Not Found"; empty for a status that is not known.
std::string_view reason_phrase(int status);

/// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 section 5.6.7).
using HttpDate = std::array<char, 29>;

HttpDate http_date(std::time_t time);

/// Bodies of up to so many bytes are sent in one piece with their head.
constexpr std::size_t kInOnePiece = 64 * 1024;

/// How an answer is to be sent.
struct Sending {
  bool head = false;       ///< HEAD: the headers of what GET would get
  bool gzip = false;       ///< is welcome
  bool chunks = true;      ///< are understood: HTTP/1.1
  bool keep_alive = true;  ///< the connection is kept
  std::string_view if_none_match = {};
};

struct Message {
  std::string head;  ///< and a body of up to kInOnePiece
  std::string body;

  // With a stream:
  bool chunked = false;
  bool until_close = false;           ///< the end of the connection is the end of the body
  std::optional<GzipWriter> encoder;  ///< every piece goes through it
};

/// Takes the body out of the response. The Date is that of now.
Message message_of(ServerResponse& response, const Sending& sending);

/// Where the Date of a message_of() begins.
std::size_t date_in(std::string_view message);

/// A piece of a stream as it goes out.
std::string framed(Message& message, std::string_view piece, bool end);

}  // namespace gald::net
