#include "net/tls.hpp"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <memory>
#include <string_view>

#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

namespace gald::net {

namespace {

std::string text_of(const ASN1_STRING* value) {
  unsigned char* bytes = nullptr;
  const int size = value ? ASN1_STRING_to_UTF8(&bytes, value) : -1;
  if (size < 0) {
    ERR_clear_error();
    return {};
  }
  std::string text(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
  OPENSSL_free(bytes);
  std::replace_if(
      text.begin(), text.end(),
      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
  return text;
}

std::string common_name(const X509_NAME* name) {
  const int at = name ? X509_NAME_get_index_by_NID(name, NID_commonName, -1) : -1;
  if (at < 0)
    return {};
  return text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
}

std::string first_dns_name(const X509* certificate) {
  const auto release = [](GENERAL_NAMES* names) { GENERAL_NAMES_free(names); };
  const std::unique_ptr<GENERAL_NAMES, decltype(release)> names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_DNS)
      return text_of(name->d.dNSName);
  }
  return {};
}

}  // namespace

std::optional<base::TimePoint> not_after(const X509* certificate) {
  std::tm time{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &time) != 1)
    return std::nullopt;
  const std::chrono::sys_days day =
      std::chrono::year(time.tm_year + 1900) / (time.tm_mon + 1) / time.tm_mday;
  return base::TimePoint(day + std::chrono::hours(time.tm_hour) +
                         std::chrono::minutes(time.tm_min) + std::chrono::seconds(time.tm_sec));
}

bool expect_host(SSL* handle, const std::string& host, bool is_address) {
  SSL_set_hostflags(handle, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (is_address)
    return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(handle), host.c_str()) == 1;
  return SSL_set1_host(handle, host.c_str()) == 1 &&
         SSL_set_tlsext_host_name(handle, host.c_str()) == 1;
}

std::optional<std::string> verification_failure(const SSL* handle, const std::string& store) {
  const long verdict = SSL_get_verify_result(handle);
  if (verdict == X509_V_ERR_HOSTNAME_MISMATCH || verdict == X509_V_ERR_IP_ADDRESS_MISMATCH)
    return "certificate is for another name";
  if (verdict != X509_V_OK)
    return std::string("certificate refused: ") + X509_verify_cert_error_string(verdict) + " (" +
           store + ")";
  return std::nullopt;
}

std::string describe_peer(const SSL* handle) {
  const X509* certificate = SSL_get0_peer_certificate(handle);
  if (!certificate)
    return {};
  std::string subject = common_name(X509_get_subject_name(certificate));
  if (subject.empty())
    subject = first_dns_name(certificate);
  const std::string issuer = common_name(X509_get_issuer_name(certificate));
  std::string text = subject.empty() ? "a certificate without a name" : subject;
  if (!issuer.empty())
    text += ", issued by " + issuer;
  if (const auto until = not_after(certificate))
    text += ", valid until " + base::to_iso8601(*until).substr(0, 10);
  return text;
}

}  // namespace gald::net
