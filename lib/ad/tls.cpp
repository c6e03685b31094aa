#include "ad/tls.hpp"

#include <array>
#include <charconv>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <memory>
#include <system_error>

#include <lber.h>
#include <ldap.h>
#include <openssl/bio.h>
#include <openssl/x509.h>

#include "base/text.hpp"

namespace gald::ad {

namespace {

constexpr int kTraceLevel = 1;

void set_debug_level(int level) {
  ldap_set_option(nullptr, LDAP_OPT_DEBUG_LEVEL, &level);
}

/// GnuTLS reports what it dislikes as bits (gnutls_certificate_status_t).
std::string explain_certificate_status(unsigned status) {
  struct Bit {
    unsigned bit;
    std::string_view text;
  };

  static constexpr std::array<Bit, 7> kBits = {{
      {1u << 5, "revoked"},
      {1u << 6, "its issuer is not trusted"},
      {1u << 7, "its issuer is not a certificate authority"},
      {1u << 8, "its algorithm is too weak"},
      {1u << 9, "not valid yet"},
      {1u << 10, "expired"},
      {1u << 11, "its signature is wrong"},
  }};
  std::string out;
  for (const Bit& bit : kBits)
    if ((status & bit.bit) != 0)
      out.append(out.empty() ? "" : ", ").append(bit.text);
  return out;
}

/// RFC 2253's form, with other alphabets as they are.
std::string text_of(const X509_NAME* name) {
  const std::unique_ptr<BIO, int (*)(BIO*)> out(BIO_new(BIO_s_mem()), BIO_free);
  X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
  char* data = nullptr;
  const long size = BIO_get_mem_data(out.get(), &data);
  return size > 0 ? std::string(data, static_cast<std::size_t>(size)) : std::string();
}

}  // namespace

std::mutex HandshakeDiary::mutex;
int HandshakeDiary::open_diaries = 0;
thread_local std::string* HandshakeDiary::mine = nullptr;

HandshakeDiary::HandshakeDiary() {
  const std::lock_guard lock(mutex);
  if (open_diaries++ == 0)
    set_debug_level(kTraceLevel);
  mine = &lines_;
}

HandshakeDiary::~HandshakeDiary() {
  mine = nullptr;
  const std::lock_guard lock(mutex);
  if (--open_diaries == 0)
    set_debug_level(0);
}

void HandshakeDiary::install() {
  ber_set_option(nullptr, LBER_OPT_LOG_PRINT_FN, reinterpret_cast<const void*>(&note));
}

void HandshakeDiary::note(const char* line) {
  if (mine != nullptr && std::strncmp(line, "TLS:", 4) == 0)
    mine->append(line);
}

std::string certificate_trouble(std::string_view diary) {
  for (const std::string_view line : base::split(diary, '\n')) {
    if (line.find("hostname") != std::string_view::npos &&
        line.find("does not match") != std::string_view::npos)
      return "it is for another name";
    const std::size_t untrusted = line.find("untrusted or revoked (0x");
    if (untrusted != std::string_view::npos) {
      const std::string_view digits = line.substr(untrusted + 24);
      unsigned status = 0;
      std::from_chars(digits.data(), digits.data() + digits.size(), status, 16);
      const std::string words = explain_certificate_status(status);
      return words.empty() ? "untrusted" : words;
    }
  }
  return {};
}

std::string default_ca_file() {
  for (const char* candidate : {"/etc/ssl/certs/ca-certificates.crt",
                                "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"}) {
    std::error_code ignored;
    if (std::filesystem::exists(candidate, ignored))
      return candidate;
  }
  return {};
}

std::optional<Certificate> parse_certificate(std::span<const unsigned char> der) {
  const unsigned char* data = der.data();
  const std::unique_ptr<X509, void (*)(X509*)> certificate(
      d2i_X509(nullptr, &data, static_cast<long>(der.size())), X509_free);
  std::tm end{};
  if (!certificate || ASN1_TIME_to_tm(X509_get0_notAfter(certificate.get()), &end) != 1)
    return std::nullopt;
  return Certificate{text_of(X509_get_subject_name(certificate.get())),
                     text_of(X509_get_issuer_name(certificate.get())),
                     std::chrono::sys_seconds(std::chrono::seconds(timegm(&end)))};
}

}  // namespace gald::ad
