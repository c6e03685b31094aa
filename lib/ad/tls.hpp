// What libldap's TLS layer tells of a handshake and of the certificate at the other end.
#pragma once

#include <chrono>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace gald::ad {

/// Why a certificate was refused, libldap says only in its debug output. The switch for that output
/// is global, so it is on only while somebody shakes hands, and each thread keeps its own lines.
class HandshakeDiary {
 public:
  /// Begins to note what this thread's handshake says.
  HandshakeDiary();
  ~HandshakeDiary();
  HandshakeDiary(const HandshakeDiary&) = delete;
  HandshakeDiary& operator=(const HandshakeDiary&) = delete;

  const std::string& lines() const { return lines_; }

  /// Once in a process, before any other thread uses libldap.
  static void install();

 private:
  static void note(const char* line);

  static std::mutex mutex;
  static int open_diaries;
  static thread_local std::string* mine;
  std::string lines_;
};

/// From a diary: why the certificate was refused, in words, or "" when it does not speak of that.
/// Pure.
std::string certificate_trouble(std::string_view diary);

/// The certificates of the system in one file; "" where none is found.
std::string default_ca_file();

struct Certificate {
  std::string subject;
  std::string issuer;
  std::chrono::sys_seconds ends;
};

/// From its DER form; nothing when that is not a certificate. Pure.
std::optional<Certificate> parse_certificate(std::span<const unsigned char> der);

}  // namespace gald::ad
