#include "ad/kerberos.hpp"

#include <cerrno>
#include <utility>

#include <gssapi/gssapi.h>
#include <gssapi/gssapi_krb5.h>
#include <krb5.h>

#include "ad/bounded.hpp"

namespace gald::ad {

namespace {

using base::Error;
using base::ErrorKind;
using Outcome = base::Result<std::monostate>;

Error explain(krb5_error_code code, const std::string& principal, const std::string& keytab,
              const std::string& library_text) {
  const std::string remedy_of_key =
      "export a new keytab for " + principal + ": each change of its password ends the old one";
  switch (code) {
    case ENOENT:
    case KRB5_KT_NOTFOUND:
      return {ErrorKind::config, keytab + " holds no key of " + principal,
              "keytab_file and principal must belong together: klist -k shows what it holds"};
    case EACCES:
    case KRB5_KEYTAB_BADVNO:
    case KRB5_KT_END:
    case KRB5_KT_IOERR:
      return {ErrorKind::config, keytab + " cannot be read as a keytab: " + library_text};
    case KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN:
      return {ErrorKind::auth, "Kerberos knows no account " + principal,
              "principal is user@REALM, the realm in capital letters"};
    case KRB5KDC_ERR_PREAUTH_FAILED:
    case KRB5KRB_AP_ERR_BAD_INTEGRITY:
      return {ErrorKind::auth, "Kerberos refused " + principal + ": the key in the keytab is wrong",
              remedy_of_key};
    case KRB5KDC_ERR_CLIENT_REVOKED:
      return {ErrorKind::auth,
              "Kerberos refused " + principal + ": the account is disabled, locked or expired"};
    case KRB5KDC_ERR_KEY_EXP:
      return {ErrorKind::auth, "Kerberos refused " + principal + ": its password has expired",
              remedy_of_key};
    case KRB5KRB_AP_ERR_SKEW:
      return {ErrorKind::auth, "Kerberos refused " + principal + ": the clocks differ too much",
              "synchronize the clock of this machine with that of the domain"};
    case KRB5_KDC_UNREACH:
    case KRB5_REALM_CANT_RESOLVE:
    case KRB5_REALM_UNKNOWN:
      return {ErrorKind::network, "no Kerberos server (KDC) answered for " + principal,
              "krb5.conf must name the realm's KDCs, or DNS must"};
    default:
      return {ErrorKind::auth, "no Kerberos ticket for " + principal + ": " + library_text};
  }
}

}  // namespace

/// Everything belongs to one krb5_context, which is of one thread at a time.
struct Ticket::State {
  krb5_context context = nullptr;
  krb5_principal client = nullptr;
  krb5_ccache cache = nullptr;
  gss_cred_id_t credentials = GSS_C_NO_CREDENTIAL;

  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  ~State() {
    OM_uint32 ignored = 0;
    if (credentials != GSS_C_NO_CREDENTIAL)
      gss_release_cred(&ignored, &credentials);
    if (cache != nullptr)
      krb5_cc_destroy(context, cache);
    if (client != nullptr)
      krb5_free_principal(context, client);
    if (context != nullptr)
      krb5_free_context(context);
  }

  std::string text_of(krb5_error_code code) const {
    const char* text = krb5_get_error_message(context, code);
    std::string copy = text != nullptr ? text : "";
    krb5_free_error_message(context, text);
    return copy;
  }

  Outcome sign_in(const std::string& principal, const std::string& keytab_file) {
    if (krb5_init_context(&context) != 0)
      return Error{ErrorKind::config, "krb5.conf cannot be read",
                   "it is /etc/krb5.conf, or what KRB5_CONFIG names"};
    if (const krb5_error_code code = krb5_parse_name(context, principal.c_str(), &client))
      return Error{ErrorKind::config, principal + " is no principal: " + text_of(code),
                   "principal is user@REALM"};
    krb5_keytab keytab = nullptr;
    krb5_creds ticket{};
    krb5_error_code code = krb5_kt_resolve(context, ("FILE:" + keytab_file).c_str(), &keytab);
    if (code == 0)
      code = krb5_get_init_creds_keytab(context, &ticket, client, keytab, 0, nullptr, nullptr);
    if (code == 0)
      code = krb5_cc_new_unique(context, "MEMORY", nullptr, &cache);
    if (code == 0)
      code = krb5_cc_initialize(context, cache, client);
    if (code == 0)
      code = krb5_cc_store_cred(context, cache, &ticket);
    Outcome outcome = std::monostate{};
    if (code != 0)
      outcome = explain(code, principal, keytab_file, text_of(code));
    krb5_free_cred_contents(context, &ticket);
    if (keytab != nullptr)
      krb5_kt_close(context, keytab);
    OM_uint32 minor = 0;
    if (outcome &&
        gss_krb5_import_cred(&minor, cache, nullptr, nullptr, &credentials) != GSS_S_COMPLETE)
      return Error{ErrorKind::config, "the GSSAPI library does not take a Kerberos ticket"};
    return outcome;
  }

  /// The name of the service is found as GSSAPI finds it during the bind, so that it meets the
  /// ticket that this leaves in the cache.
  Outcome get_service_ticket(const std::string& host) {
    krb5_creds wanted{};
    krb5_creds* ticket = nullptr;
    krb5_error_code code =
        krb5_sname_to_principal(context, host.c_str(), "ldap", KRB5_NT_SRV_HST, &wanted.server);
    if (code == 0)
      code = krb5_copy_principal(context, client, &wanted.client);
    if (code == 0)
      code = krb5_get_credentials(context, 0, cache, &wanted, &ticket);
    krb5_free_cred_contents(context, &wanted);
    if (ticket != nullptr)
      krb5_free_creds(context, ticket);
    if (code == 0)
      return std::monostate{};
    if (code == KRB5_KDC_UNREACH)
      return Error{ErrorKind::network, "no Kerberos server (KDC) answered for ldap/" + host};
    return Error{ErrorKind::auth, "no Kerberos ticket for ldap/" + host + ": " + text_of(code),
                 "name the controller as Active Directory does (dc1.contoso.com), not by its "
                 "address or an alias"};
  }
};

Ticket::Ticket(std::string principal, std::shared_ptr<State> state)
    : principal_(std::move(principal)), state_(std::move(state)) {}

base::Result<Ticket> Ticket::obtain(const std::string& principal,
                                    const std::filesystem::path& keytab, std::chrono::seconds limit,
                                    std::stop_token stop) {
  auto state = std::make_shared<State>();
  const auto done = wait_in_thread(
      [state, principal, file = keytab.string()] { return state->sign_in(principal, file); },
      std::chrono::steady_clock::now() + limit, std::move(stop),
      "no Kerberos server (KDC) answered in time for " + principal);
  if (!done)
    return done.error();
  return Ticket(principal, std::move(state));
}

base::Result<std::monostate> Ticket::reach(const std::string& host, std::chrono::seconds limit,
                                           std::stop_token stop) {
  return wait_in_thread([state = state_, host] { return state->get_service_ticket(host); },
                        std::chrono::steady_clock::now() + limit, std::move(stop),
                        "no Kerberos server (KDC) answered in time for ldap/" + host);
}

void* Ticket::credentials() const {
  return state_->credentials;
}

}  // namespace gald::ad
