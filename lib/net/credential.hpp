// How gald proves to the Microsoft identity platform which app it is.
//
// Protocol: RFC 7523 section 2.2 and "Microsoft identity platform application authentication
// certificate credentials" (assertions), "Workload identity federation", "How to use managed
// identities for Azure resources on an Azure VM to acquire an access token".
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "net/secret_provider.hpp"

namespace gald::net {

struct ClientSecret {
  SecretProvider secret;
  std::optional<base::TimePoint> expires = {};  ///< as the operator wrote it down: nobody tells
};

/// How an assertion is signed and how it names its certificate. The platform asks for the first;
/// the second is what it took before.
enum class AssertionForm {
  ps256,  ///< RSASSA-PSS, `x5t#S256`
  rs256,  ///< RSASSA-PKCS1-v1_5, `x5t`
};

/// An RSA key and the certificate that is registered with the app. Both in PEM form; they may be
/// the same text. The first certificate in it counts.
struct ClientCertificate {
  SecretProvider certificate;
  SecretProvider private_key;
  AssertionForm form = AssertionForm::ps256;
};

/// A token of an identity provider that the app trusts, written into a file by the platform that
/// gald runs on (Kubernetes, for instance), which renews it.
struct FederatedToken {
  SecretProvider token;
};

/// The identity that Azure gave to this machine. There is no secret: its metadata service answers
/// whoever runs here.
struct ManagedIdentity {
  std::string imds_endpoint = "http://169.254.169.254";
};

using Credential = std::variant<ClientSecret, ClientCertificate, FederatedToken, ManagedIdentity>;

/// A signed assertion (a JWT) that is good for ten minutes and one use. `audience` is the URL of
/// the token endpoint. Errors are of kind config and hold nothing of the key.
base::Result<base::Secret> make_assertion(const ClientCertificate& credential,
                                          const std::string& client_id, const std::string& audience,
                                          base::TimePoint now);

enum class KeyPairPart { certificate, private_key };

struct KeyPairProblem {
  KeyPairPart part;    ///< where to look
  std::string reason;  ///< "holds no certificate in PEM form"
};

/// Why assertions cannot be made of these; nothing when they can. Keys other than RSA are a
/// problem, since the platform documents no other, and so are those behind a passphrase.
std::optional<KeyPairProblem> key_pair_problem(const base::Secret& certificate,
                                               const base::Secret& private_key);

/// Until when the first certificate in `pem` is valid. Nothing when there is none.
std::optional<base::TimePoint> certificate_not_after(std::string_view pem);

struct Expiry {
  std::string what;  ///< "the client secret" | "the certificate"
  base::TimePoint at;
};

/// When the credential ends, as far as it can be known here. Reads the certificate anew.
std::optional<Expiry> expiry_of(const Credential& credential);

}  // namespace gald::net
