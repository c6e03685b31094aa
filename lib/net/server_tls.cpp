#include "net/server_tls.hpp"

#include <algorithm>
#include <stdexcept>
#include <string_view>
#include <vector>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include "base/encoding.hpp"
#include "base/log.hpp"

namespace gald::net {

namespace {

/// The protocols of TLS's negotiation, each behind its length (RFC 7301).
constexpr unsigned char kHttp11[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};

[[noreturn]] void fail(const std::filesystem::path& file, const std::string& what) {
  const unsigned long code = ERR_peek_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  ERR_clear_error();
  throw std::runtime_error(file.string() + ": " + what +
                           (reason ? std::string(": ") + reason : ""));
}

int choose_protocol(SSL*, const unsigned char** out, unsigned char* size, const unsigned char* in,
                    unsigned int in_size, void*) {
  unsigned char* found = nullptr;
  const int outcome = SSL_select_next_proto(&found, size, kHttp11, sizeof kHttp11, in, in_size);
  *out = found;
  return outcome == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

/// Changes whenever one of the files does.
std::string stamp_of(const ServerOptions& options) {
  std::string stamp;
  for (const auto& file : {options.certificate_file, options.key_file, options.client_ca_file}) {
    struct stat status = {};
    if (file.empty() || ::stat(file.c_str(), &status) != 0)
      continue;
    for (const long long number :
         {static_cast<long long>(status.st_ino), static_cast<long long>(status.st_size),
          static_cast<long long>(status.st_mtim.tv_sec),
          static_cast<long long>(status.st_mtim.tv_nsec)})
      stamp += std::to_string(number) + " ";
  }
  return stamp;
}

void trust_clients(SSL_CTX* context, const ServerOptions& options) {
  const std::filesystem::path& file = options.client_ca_file;
  STACK_OF(X509_NAME)* names = SSL_load_client_CA_file(file.c_str());
  if (names == nullptr)
    fail(file, "no certificate can be read from it");
  SSL_CTX_set_client_CA_list(context, names);  // takes them
  if (SSL_CTX_load_verify_file(context, file.c_str()) != 1)
    fail(file, "no certificate can be read from it");
  SSL_CTX_set_verify(
      context,
      SSL_VERIFY_PEER | (options.require_client_certificate ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
      nullptr);
  constexpr unsigned char kName[] = "gald";  // without one, no session can be taken up again
  SSL_CTX_set_session_id_context(context, kName, sizeof kName);
}

}  // namespace

ServerTls::ServerTls(const ServerOptions& options)
    : context_(boost::asio::ssl::context::tls_server), stamp_(stamp_of(options)) {
  SSL_CTX* context = context_.native_handle();
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_alpn_select_cb(context, choose_protocol, nullptr);
  ERR_clear_error();
  const std::filesystem::path& certificate = options.certificate_file;
  const std::filesystem::path& key = options.key_file.empty() ? certificate : options.key_file;
  if (SSL_CTX_use_certificate_chain_file(context, certificate.c_str()) != 1)
    fail(certificate, "no certificate can be read from it");
  if (SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context) != 1)
    fail(key, "no private key of the certificate can be read from it");
  if (!options.client_ca_file.empty())
    trust_clients(context, options);
}

std::shared_ptr<ServerTls> ServerTls::if_changed(const ServerTls& current,
                                                 const ServerOptions& options) {
  const std::string stamp = stamp_of(options);
  if (stamp == current.stamp_)
    return nullptr;
  try {
    auto newer = std::make_shared<ServerTls>(options);
    base::log::info("api.certificate", "the certificate was read again",
                    {{"file", options.certificate_file.string()}});
    return newer;
  } catch (const std::runtime_error& error) {
    base::log::warning("api.certificate", std::string(error.what()) + "; the one before stays");
    return nullptr;
  }
}

std::optional<std::string> certificate_problem(const ServerOptions& options) {
  try {
    const ServerTls tls(options);
    return std::nullopt;
  } catch (const std::runtime_error& error) {
    return error.what();
  }
}

std::string client_certificate(SSL* handle) {
  const X509* certificate = SSL_get0_peer_certificate(handle);
  if (certificate == nullptr)
    return {};
  unsigned char* bytes = nullptr;
  const int size = i2d_X509(certificate, &bytes);
  if (size < 0)
    return {};
  std::string digest = base::sha256_hex(
      std::string_view(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size)));
  OPENSSL_free(bytes);
  return digest;
}

}  // namespace gald::net
