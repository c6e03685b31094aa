#include <algorithm>
#include <memory>
#include <set>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/encoding.hpp"
#include "base/guid.hpp"
#include "base/text.hpp"
#include "net/credential.hpp"
#include "net_keys.hpp"

namespace gald::net {
namespace {

using base::Error;
using base::ErrorKind;
using base::Result;
using base::Secret;
using nlohmann::json;

constexpr const char* kClient = "11111111-2222-3333-4444-555555555555";
constexpr const char* kAudience = "https://login.test/contoso.test/oauth2/v2.0/token";
const base::TimePoint kNow = *base::parse_iso8601("2026-11-21T06:00:00.700Z");
constexpr long kNowSeconds = 1795240800;

SecretProvider holding(const char* text) {
  return [text]() -> Result<Secret> { return Secret(text); };
}

ClientCertificate pair(AssertionForm form = AssertionForm::ps256) {
  return {holding(test::kCertificate), holding(test::kPrivateKey), form};
}

std::string decoded(std::string_view base64url) {
  std::string text(base64url);
  EXPECT_EQ(text.find_first_of("+/="), text.npos) << text;
  std::replace(text.begin(), text.end(), '-', '+');
  std::replace(text.begin(), text.end(), '_', '/');
  text.append((4 - text.size() % 4) % 4, '=');
  return base::base64_decode(text).value_or("not base64");
}

struct Jwt {
  json header;
  json claims;
  std::string signed_part;
  std::string signature;
};

Jwt jwt_of(const Result<Secret>& assertion) {
  if (!assertion) {
    ADD_FAILURE() << assertion.error().what;
    return {};
  }
  const std::string& text = assertion->reveal();
  const auto parts = base::split(text, '.');
  if (parts.size() != 3) {
    ADD_FAILURE() << "not three parts";
    return {};
  }
  return {json::parse(decoded(parts[0])), json::parse(decoded(parts[1])),
          text.substr(0, text.rfind('.')), decoded(parts[2])};
}

/// What the login service does with the certificate that it knows.
bool verifies(const Jwt& jwt, bool pss) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new_mem_buf(test::kCertificate, -1),
                                                      BIO_free);
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(
      PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr), X509_free);
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> digest(EVP_MD_CTX_new(),
                                                                       EVP_MD_CTX_free);
  EVP_PKEY_CTX* options = nullptr;
  if (EVP_DigestVerifyInit(digest.get(), &options, EVP_sha256(), nullptr,
                           X509_get0_pubkey(certificate.get())) != 1)
    return false;
  if (pss) {
    EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING);
    EVP_PKEY_CTX_set_rsa_pss_saltlen(options, 32);
  }
  const auto bytes = [](const std::string& text) {
    return reinterpret_cast<const unsigned char*>(text.data());
  };
  return EVP_DigestVerify(digest.get(), bytes(jwt.signature), jwt.signature.size(),
                          bytes(jwt.signed_part), jwt.signed_part.size()) == 1;
}

TEST(Assertion, Ps256) {
  const Jwt jwt = jwt_of(make_assertion(pair(), kClient, kAudience, kNow));
  // openssl x509 -outform der | openssl dgst -sha256
  EXPECT_EQ(jwt.header, (json{{"alg", "PS256"},
                              {"typ", "JWT"},
                              {"x5t#S256", "qPXfzwP5snh6ZZMebqBS4lUB801B_Pyc9pNgtIyJWDs"}}));
  EXPECT_TRUE(verifies(jwt, true));
  EXPECT_FALSE(verifies(jwt, false));
}

TEST(Assertion, Rs256) {
  const Jwt jwt = jwt_of(make_assertion(pair(AssertionForm::rs256), kClient, kAudience, kNow));
  // openssl x509 -outform der | openssl dgst -sha1
  EXPECT_EQ(jwt.header,
            (json{{"alg", "RS256"}, {"typ", "JWT"}, {"x5t", "_ommbEXXFpHovZFCHJu9MklfFsU"}}));
  EXPECT_TRUE(verifies(jwt, false));
  EXPECT_FALSE(verifies(jwt, true));
}

TEST(Assertion, Claims) {
  Jwt jwt = jwt_of(make_assertion(pair(), kClient, kAudience, kNow));
  EXPECT_TRUE(base::Guid::parse(jwt.claims["jti"].get<std::string>()));
  jwt.claims.erase("jti");
  EXPECT_EQ(jwt.claims, (json{{"aud", kAudience},
                              {"iss", kClient},
                              {"sub", kClient},
                              {"nbf", kNowSeconds},
                              {"iat", kNowSeconds},
                              {"exp", kNowSeconds + 600}}));
}

TEST(Assertion, IsForOneUse) {
  std::set<std::string> ids;
  for (int i = 0; i < 5; ++i)
    ids.insert(jwt_of(make_assertion(pair(), kClient, kAudience, kNow)).claims["jti"]);
  EXPECT_EQ(ids.size(), 5u);
}

TEST(Assertion, BothInOneFileInAnyOrder) {
  static const std::string kFile = std::string("Bag Attributes\n") + test::kPrivateKey +
                                   "subject=CN = gald-test\n" + test::kCertificate;
  const ClientCertificate together{holding(kFile.c_str()), holding(kFile.c_str())};
  EXPECT_TRUE(verifies(jwt_of(make_assertion(together, kClient, kAudience, kNow)), true));
}

TEST(Assertion, WhatCannotSign) {
  const auto error = [](const char* certificate, const char* key) {
    const auto made =
        make_assertion({holding(certificate), holding(key)}, kClient, kAudience, kNow);
    if (made)
      return Error{ErrorKind::stopped, "an assertion"};
    EXPECT_EQ(made.error().kind, ErrorKind::config);
    EXPECT_NE(made.error().remedy, "");
    EXPECT_EQ(made.error().what.find("-----"), std::string::npos);
    return made.error();
  };
  EXPECT_EQ(error("", test::kPrivateKey).what,
            "the certificate file holds no certificate in PEM form");
  EXPECT_EQ(error(test::kCertificate, "-----BEGIN PRIVATE KEY-----\nMIIE\n").what,
            "the private key file holds no private key in PEM form");
  EXPECT_NE(error(test::kCertificate, test::kOtherKey).what.find("does not belong"),
            std::string::npos);
  EXPECT_NE(error(test::kCertificate, test::kEcKey).what.find("is not RSA"), std::string::npos);
  EXPECT_NE(error(test::kCertificate, test::kEncryptedKey).what.find("passphrase"),
            std::string::npos);
}

TEST(Assertion, FilesAreReadAnew) {
  std::string key = test::kOtherKey;
  const ClientCertificate credential{holding(test::kCertificate),
                                     [&key]() -> Result<Secret> { return Secret(key); }};
  EXPECT_FALSE(make_assertion(credential, kClient, kAudience, kNow));
  key = test::kPrivateKey;
  EXPECT_TRUE(make_assertion(credential, kClient, kAudience, kNow));
  const ClientCertificate gone{[]() -> Result<Secret> {
                                 return Error{ErrorKind::config, "the file is gone"};
                               },
                               holding(test::kPrivateKey)};
  const auto made = make_assertion(gone, kClient, kAudience, kNow);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().what, "the file is gone");
}

TEST(CredentialExpiry, OfEachKind) {
  EXPECT_EQ(certificate_not_after(test::kCertificate), base::parse_iso8601("2036-11-25T08:12:27Z"));
  EXPECT_FALSE(certificate_not_after(test::kPrivateKey));
  EXPECT_FALSE(certificate_not_after(""));
  const auto certificate = expiry_of(pair());
  ASSERT_TRUE(certificate);
  EXPECT_EQ(certificate->what, "the certificate");
  EXPECT_EQ(certificate->at, *base::parse_iso8601("2036-11-25T08:12:27Z"));
  const auto secret = expiry_of(ClientSecret{holding("s"), kNow});
  ASSERT_TRUE(secret);
  EXPECT_EQ(secret->what, "the client secret");
  EXPECT_EQ(secret->at, kNow);
  EXPECT_FALSE(expiry_of(ClientSecret{holding("s")}));
  EXPECT_FALSE(expiry_of(FederatedToken{holding("t")}));
  EXPECT_FALSE(expiry_of(ManagedIdentity{}));
}

}  // namespace
}  // namespace gald::net
