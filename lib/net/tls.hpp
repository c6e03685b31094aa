// What HttpClient and the credentials need of OpenSSL, without any I/O. Included by lib/net/*.cpp
// only.
#pragma once

#include <optional>
#include <string>

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/clock.hpp"

namespace gald::net {

/// The end of the certificate's validity; nothing for a time that cannot be read.
std::optional<base::TimePoint> not_after(const X509* certificate);

/// The certificate must be for `host`. RFC 9110 section 4.3.4: an address is compared with the
/// addresses in the certificate, a name with its DNS names; RFC 6066 section 3: SNI never carries
/// an address. False: not a host that a certificate can be for.
bool expect_host(SSL* handle, const std::string& host, bool is_address);

/// Why the peer's certificate was refused; nothing when it was not. `store` says what was trusted.
std::optional<std::string> verification_failure(const SSL* handle, const std::string& store);

/// "graph.microsoft.com, issued by Some CA 1, valid until 2027-03-01": of the certificate that was
/// verified, for people.
std::string describe_peer(const SSL* handle);

}  // namespace gald::net
