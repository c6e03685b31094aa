#include "net/credential.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>

#include <nlohmann/json.hpp>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/encoding.hpp"
#include "base/guid.hpp"
#include "net/tls.hpp"

namespace gald::net {

namespace {

using base::Error;
using base::ErrorKind;
using base::Result;
using base::Secret;

constexpr std::chrono::minutes kAssertionLife{10};

template <auto free>
struct Free {
  template <typename T>
  void operator()(T* thing) const {
    free(thing);
  }
};

using Bio = std::unique_ptr<BIO, Free<BIO_free>>;
using Certificate = std::unique_ptr<X509, Free<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using Digest = std::unique_ptr<EVP_MD_CTX, Free<EVP_MD_CTX_free>>;

Bio reader_of(std::string_view text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

/// A service has no terminal where somebody could type a passphrase.
int no_passphrase(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

Certificate read_certificate(std::string_view pem) {
  const Bio bio = reader_of(pem);
  bool asked = false;
  Certificate found(bio ? PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, &asked) : nullptr);
  ERR_clear_error();
  return found;
}

struct Pair {
  Certificate certificate;
  Key key;
};

std::variant<Pair, KeyPairProblem> read_pair(const Secret& certificate, const Secret& private_key) {
  Pair pair;
  pair.certificate = read_certificate(certificate.reveal());
  if (!pair.certificate)
    return KeyPairProblem{KeyPairPart::certificate, "holds no certificate in PEM form"};
  const Bio bio = reader_of(private_key.reveal());
  bool asked = false;
  if (bio)
    pair.key.reset(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, &asked));
  ERR_clear_error();
  if (asked)
    return KeyPairProblem{KeyPairPart::private_key,
                          "holds a private key behind a passphrase, which a service cannot type"};
  if (!pair.key)
    return KeyPairProblem{KeyPairPart::private_key, "holds no private key in PEM form"};
  if (EVP_PKEY_get_base_id(pair.key.get()) != EVP_PKEY_RSA)
    return KeyPairProblem{KeyPairPart::private_key,
                          "holds a private key that is not RSA, which Entra ID does not take"};
  const bool belongs = X509_check_private_key(pair.certificate.get(), pair.key.get()) == 1;
  ERR_clear_error();
  if (!belongs)
    return KeyPairProblem{KeyPairPart::private_key,
                          "holds a private key that does not belong to the certificate"};
  return pair;
}

/// RFC 7515 section 2: the URL and filename safe alphabet, without padding.
std::string base64url(std::string_view bytes) {
  std::string text = base::base64_encode(bytes);
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  text.erase(std::find(text.begin(), text.end(), '='), text.end());
  return text;
}

std::string thumbprint(X509* certificate, const EVP_MD* digest) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned int size = 0;
  if (X509_digest(certificate, digest, bytes.data(), &size) != 1)
    return {};
  return base64url({reinterpret_cast<const char*>(bytes.data()), size});
}

std::optional<std::string> random_guid() {
  std::array<std::uint8_t, 16> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1)
    return std::nullopt;
  bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0f) | 0x40);  // RFC 4122 section 4.4
  bytes[8] = static_cast<std::uint8_t>((bytes[8] & 0x3f) | 0x80);
  return base::Guid(bytes).text();
}

std::optional<std::string> sign(EVP_PKEY* key, AssertionForm form, const std::string& text) {
  const Digest digest(EVP_MD_CTX_new());
  EVP_PKEY_CTX* options = nullptr;  // belongs to `digest`
  if (!digest || EVP_DigestSignInit(digest.get(), &options, EVP_sha256(), nullptr, key) != 1)
    return std::nullopt;
  // RFC 7518 section 3.5: MGF1 with the same digest, and a salt of its size.
  if (form == AssertionForm::ps256 &&
      (EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) != 1 ||
       EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) != 1))
    return std::nullopt;
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  std::size_t size = 0;
  if (EVP_DigestSign(digest.get(), nullptr, &size, bytes, text.size()) != 1)
    return std::nullopt;
  std::string signature(size, '\0');
  if (EVP_DigestSign(digest.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, bytes,
                     text.size()) != 1)
    return std::nullopt;
  signature.resize(size);
  return signature;
}

Error problem(const std::string& what) {
  return Error{ErrorKind::config, what,
               "certificate_file needs the certificate that is registered with the app, and "
               "private_key_file (or the same file) its RSA key, both in PEM form."};
}

}  // namespace

Result<Secret> make_assertion(const ClientCertificate& credential, const std::string& client_id,
                              const std::string& audience, base::TimePoint now) {
  const auto certificate = credential.certificate();
  if (!certificate)
    return certificate.error();
  const auto private_key = credential.private_key();
  if (!private_key)
    return private_key.error();
  const auto read = read_pair(*certificate, *private_key);
  if (const auto* wrong = std::get_if<KeyPairProblem>(&read))
    return problem((wrong->part == KeyPairPart::certificate ? "the certificate file "
                                                            : "the private key file ") +
                   wrong->reason);
  const Pair& pair = std::get<Pair>(read);

  const bool pss = credential.form == AssertionForm::ps256;
  const std::string print = thumbprint(pair.certificate.get(), pss ? EVP_sha256() : EVP_sha1());
  const auto id = random_guid();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
  const nlohmann::json header = {
      {"alg", pss ? "PS256" : "RS256"}, {"typ", "JWT"}, {pss ? "x5t#S256" : "x5t", print}};
  const nlohmann::json claims = {{"aud", audience},
                                 {"iss", client_id},
                                 {"sub", client_id},
                                 {"jti", id.value_or("")},
                                 {"nbf", seconds},
                                 {"iat", seconds},
                                 {"exp", seconds + 60 * kAssertionLife.count()}};
  std::string assertion = base64url(header.dump()) + "." + base64url(claims.dump());
  const auto signature = sign(pair.key.get(), credential.form, assertion);
  ERR_clear_error();
  if (print.empty() || !id || !signature)
    return problem("OpenSSL could not sign with the private key");
  assertion += "." + base64url(*signature);
  return Secret(std::move(assertion));
}

std::optional<KeyPairProblem> key_pair_problem(const Secret& certificate,
                                               const Secret& private_key) {
  const auto read = read_pair(certificate, private_key);
  if (const auto* wrong = std::get_if<KeyPairProblem>(&read))
    return *wrong;
  return std::nullopt;
}

std::optional<base::TimePoint> certificate_not_after(std::string_view pem) {
  const Certificate certificate = read_certificate(pem);
  return certificate ? not_after(certificate.get()) : std::nullopt;
}

std::optional<Expiry> expiry_of(const Credential& credential) {
  if (const auto* secret = std::get_if<ClientSecret>(&credential)) {
    if (secret->expires)
      return Expiry{"the client secret", *secret->expires};
  } else if (const auto* pair = std::get_if<ClientCertificate>(&credential)) {
    const auto pem = pair->certificate();
    const auto until = pem ? certificate_not_after(pem->reveal()) : std::nullopt;
    if (until)
      return Expiry{"the certificate", *until};
  }
  return std::nullopt;
}

}  // namespace gald::net
