#include "ad/ldap.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <ctime>
#include <mutex>
#include <set>

#include <lber.h>
#include <ldap.h>
#include <openldap.h>
#include <poll.h>
#include <sasl/sasl.h>
#include <sys/socket.h>

#include "ad/ber.hpp"
#include "ad/dial.hpp"
#include "base/log.hpp"
#include "base/text.hpp"

namespace gald::ad {

namespace {

using Steady = std::chrono::steady_clock;
using base::Error;
using base::ErrorKind;

struct FreeMessage {
  void operator()(LDAPMessage* message) const { ldap_msgfree(message); }
};

using Message = std::unique_ptr<LDAPMessage, FreeMessage>;

/// libldap sets up its globals at first use, which must not happen in two threads at once.
void prepare_library() {
  static std::once_flag once;
  std::call_once(once, [] {
    struct sigaction action {};
    if (sigaction(SIGPIPE, nullptr, &action) == 0 && action.sa_handler == SIG_DFL)
      std::signal(SIGPIPE, SIG_IGN);
    int version = 0;
    ldap_get_option(nullptr, LDAP_OPT_PROTOCOL_VERSION, &version);
    HandshakeDiary::install();
  });
}

std::string code_text(int code, std::string_view diagnostic) {
  std::string text = std::string(ldap_err2string(code)) + " (" + std::to_string(code) + ")";
  const std::string_view said = base::trim(diagnostic);
  if (!said.empty())
    text.append(": ").append(said);
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\n' || c == '\r' || c == '\0'; }, ' ');
  return text;
}

/// The longest that a controller may work on a search (RFC 4511 4.5.1.6) that reads a directory:
/// what AD itself never exceeds (MaxQueryDuration). It bounds the work that is left behind when we
/// are no longer there.
constexpr std::chrono::seconds kLongestSearch{1200};

/// Referrals lead to other domains, which are connectors of their own. Whoever misses something
/// finds the reason in the log, once.
void note_referrals(const char* const* referrals) {
  static std::mutex mutex;
  static std::set<std::string, std::less<>> noted;
  for (; referrals != nullptr && *referrals != nullptr; ++referrals) {
    const std::lock_guard lock(mutex);
    if (noted.insert(*referrals).second)
      base::log::info("ad.referral", "a referral to another directory is not followed",
                      {{"to", *referrals}});
  }
}

/// What libldap wants to know during a SASL bind: nothing that the ticket does not say. It is the
/// one moment when the connection has its SASL context and has not used it, so that the ticket can
/// be given to this connection instead of to the whole process (KRB5CCNAME).
struct TicketHandover {
  void* credentials = nullptr;
  bool done = false;

  static int interact(LDAP* ld, unsigned /*flags*/, void* defaults, void* prompts) {
    for (auto* prompt = static_cast<sasl_interact_t*>(prompts); prompt->id != SASL_CB_LIST_END;
         ++prompt) {
      prompt->result = "";
      prompt->len = 0;
    }
    auto* handover = static_cast<TicketHandover*>(defaults);
    handover->done =
        ldap_set_option(ld, LDAP_OPT_X_SASL_GSS_CREDS, handover->credentials) == LDAP_OPT_SUCCESS;
    return handover->done ? LDAP_SUCCESS : LDAP_LOCAL_ERROR;
  }
};

}  // namespace

struct LdapConnection::State {
  LdapOptions options;
  LDAP* ld = nullptr;
  int message_id = 0;  ///< of the search under way, 0: none

  // reused for every entry
  std::vector<std::string_view> values;
  std::vector<EntryAttribute> attributes;
  std::vector<std::size_t> value_counts;

  ~State() {
    if (ld != nullptr)
      ldap_unbind_ext(ld, nullptr, nullptr);
  }

  Error error(ErrorKind kind, std::string_view what, std::string remedy = {}) const {
    return {kind, options.url + ": " + std::string(what), std::move(remedy)};
  }

  std::optional<Error> prepare();
  std::optional<Error> prepare_tls();
  std::optional<Error> start_tls(std::stop_token stop);
  std::optional<Error> shake_hands(std::stop_token stop, int fd);
  std::optional<Error> check_tls_version() const;
  std::string tls_version() const;
  std::optional<Certificate> peer_certificate() const;
  std::optional<Error> bind(const Login& login, std::stop_token stop);
  std::optional<Error> bind_simply(const SimpleLogin& login, std::stop_token stop);
  std::optional<Error> bind_with_ticket(const Ticket& ticket, std::stop_token stop);
  Error refusal(const std::string& name, int code, const std::string& diagnostic) const;
  base::Result<Message> wait(std::chrono::seconds limit, std::stop_token stop);
  base::Result<SearchEnd> parse_end(LDAPMessage* message) const;
  void let_gather() const;
  std::optional<Error> deliver(LDAPMessage* message, const EntryVisitor& visit, Batch& batch);
};

std::optional<Error> LdapConnection::State::prepare() {
  const int version = LDAP_VERSION3;
  const int never = LDAP_DEREF_NEVER;
  const timeval limit{options.connect_timeout.count(), 0};
  const bool set = ldap_set_option(ld, LDAP_OPT_PROTOCOL_VERSION, &version) == LDAP_OPT_SUCCESS &&
                   ldap_set_option(ld, LDAP_OPT_REFERRALS, LDAP_OPT_OFF) == LDAP_OPT_SUCCESS &&
                   ldap_set_option(ld, LDAP_OPT_DEREF, &never) == LDAP_OPT_SUCCESS &&
                   // only the two together, and a non-blocking socket, bound the handshake
                   ldap_set_option(ld, LDAP_OPT_NETWORK_TIMEOUT, &limit) == LDAP_OPT_SUCCESS &&
                   ldap_set_option(ld, LDAP_OPT_CONNECT_ASYNC, LDAP_OPT_ON) == LDAP_OPT_SUCCESS;
  if (!set)
    return error(ErrorKind::config, "libldap does not know an option that gald needs");
  return options.security == Security::gssapi ? std::nullopt : prepare_tls();
}

std::optional<Error> LdapConnection::State::prepare_tls() {
  const std::string ca = options.ca_file.empty() ? default_ca_file() : options.ca_file.string();
  const int demand = LDAP_OPT_X_TLS_DEMAND;
  const int tls_1_2 = LDAP_OPT_X_TLS_PROTOCOL_TLS1_2;
  const int as_client = 0;
  const bool set = ldap_set_option(ld, LDAP_OPT_X_TLS_REQUIRE_CERT, &demand) == LDAP_OPT_SUCCESS &&
                   ldap_set_option(ld, LDAP_OPT_X_TLS_PROTOCOL_MIN, &tls_1_2) == LDAP_OPT_SUCCESS &&
                   (ca.empty() ||
                    ldap_set_option(ld, LDAP_OPT_X_TLS_CACERTFILE, ca.c_str()) == LDAP_OPT_SUCCESS);
  if (!set)
    return error(ErrorKind::config, "libldap does not know an option that gald needs");
  // the options above take effect with a context of the connection's own, made last
  if (ldap_set_option(ld, LDAP_OPT_X_TLS_NEWCTX, &as_client) != LDAP_OPT_SUCCESS)
    return error(ErrorKind::config, "cannot use the certificates in " + ca + " (ca_file)",
                 "ca_file must be readable and hold PEM certificates");
  return std::nullopt;
}

std::optional<Error> LdapConnection::State::start_tls(std::stop_token stop) {
  if (ldap_extended_operation(ld, LDAP_EXOP_START_TLS, nullptr, nullptr, nullptr, &message_id) !=
      LDAP_SUCCESS)
    return error(ErrorKind::network, "connection lost");
  const auto message = wait(options.connect_timeout, std::move(stop));
  message_id = 0;
  if (!message)
    return message.error();
  const auto end = parse_end(message->get());
  if (!end)
    return end.error();
  if (end->code != LDAP_SUCCESS)
    return error(ErrorKind::tls, "StartTLS refused: " + end->text,
                 "is there a certificate on the controller? Only then it offers StartTLS");
  return std::nullopt;
}

std::optional<Error> LdapConnection::State::shake_hands(std::stop_token stop, int fd) {
  const HandshakeDiary diary;
  const auto began = Steady::now();
  int code = LDAP_SUCCESS;
  {
    // a handshake sees nothing but its socket, so a stop comes that way
    const std::stop_callback hang_up(stop, [fd] { ::shutdown(fd, SHUT_RDWR); });
    code = ldap_install_tls(ld);
  }
  if (stop.stop_requested())
    return error(ErrorKind::stopped, "stopped while connecting");
  if (code == LDAP_SUCCESS)
    return check_tls_version();
  const std::string reason = certificate_trouble(diary.lines());
  if (!reason.empty()) {
    const std::string ca = options.ca_file.empty() ? "the system's" : options.ca_file.string();
    return error(ErrorKind::tls, "certificate refused: " + reason + " (ca_file = " + ca + ")",
                 "ca_file must hold the authority that issued the controller's certificate, and "
                 "the url must use a name that is in it");
  }
  constexpr std::chrono::milliseconds kRounding{100};
  if (Steady::now() - began + kRounding >= options.connect_timeout)
    return error(ErrorKind::network, "no answer to the TLS handshake within " +
                                         std::to_string(options.connect_timeout.count()) + " s");
  return error(ErrorKind::tls, "TLS handshake failed, or certificate untrusted",
               "is there a certificate on the controller, and is this its LDAPS port?");
}

std::string LdapConnection::State::tls_version() const {
  char* text = nullptr;  // "TLS1.3" with GnuTLS, "TLSv1.3" with OpenSSL
  ldap_get_option(ld, LDAP_OPT_X_TLS_VERSION, static_cast<void*>(&text));
  std::string version = text != nullptr ? text : "an unknown version of TLS";
  ldap_memfree(text);
  return version;
}

/// With GnuTLS, libldap 2.5 does not heed LDAP_OPT_X_TLS_PROTOCOL_MIN.
std::optional<Error> LdapConnection::State::check_tls_version() const {
  const std::string version = tls_version();
  if (version.ends_with("1.2") || version.ends_with("1.3"))
    return std::nullopt;
  return error(ErrorKind::tls, "the server speaks " + version + ", TLS 1.2 is the least",
               "enable TLS 1.2 or later on the controller");
}

std::optional<Certificate> LdapConnection::State::peer_certificate() const {
  berval der{};
  if (ldap_get_option(ld, LDAP_OPT_X_TLS_PEERCERT, &der) != LDAP_OPT_SUCCESS ||
      der.bv_val == nullptr)
    return std::nullopt;
  const std::unique_ptr<char, void (*)(void*)> owner(der.bv_val, ldap_memfree);
  return parse_certificate({reinterpret_cast<const unsigned char*>(der.bv_val), der.bv_len});
}

std::optional<Error> LdapConnection::State::bind(const Login& login, std::stop_token stop) {
  if (const auto* simple = std::get_if<SimpleLogin>(&login))
    return bind_simply(*simple, std::move(stop));
  return bind_with_ticket(std::get<KerberosLogin>(login).ticket, std::move(stop));
}

std::optional<Error> LdapConnection::State::bind_simply(const SimpleLogin& login,
                                                        std::stop_token stop) {
  berval credentials{};
  credentials.bv_len = login.password.reveal().size();
  credentials.bv_val = const_cast<char*>(login.password.reveal().data());  // libldap only reads it
  const int code = ldap_sasl_bind(ld, login.name.c_str(), LDAP_SASL_SIMPLE, &credentials, nullptr,
                                  nullptr, &message_id);
  if (code != LDAP_SUCCESS)
    return error(ErrorKind::broken, "connection lost");
  const auto message = wait(options.connect_timeout, std::move(stop));
  message_id = 0;
  if (!message)
    return message.error();
  int answer = LDAP_OTHER;
  char* said = nullptr;
  if (ldap_parse_result(ld, message->get(), &answer, nullptr, &said, nullptr, nullptr, 0) !=
      LDAP_SUCCESS)
    return error(ErrorKind::protocol, "the answer to the bind is not LDAP");
  const std::string diagnostic = said != nullptr ? said : "";
  ldap_memfree(said);
  if (answer == LDAP_SUCCESS)
    return std::nullopt;
  return refusal(login.name, answer, diagnostic);
}

/// Under TLS there must be no second layer, and the ticket is bound to the certificate (RFC 5929
/// tls-server-end-point), which controllers may demand. Without TLS the layer of the bind protects:
/// less than encryption is not accepted.
std::optional<Error> LdapConnection::State::bind_with_ticket(const Ticket& ticket,
                                                             std::stop_token stop) {
  const bool under_tls = options.security != Security::gssapi;
  const int endpoint = LDAP_OPT_X_SASL_CBINDING_TLS_ENDPOINT;
  const char* properties = under_tls ? "maxssf=0" : "minssf=56";
  if (ldap_set_option(ld, LDAP_OPT_X_SASL_NOCANON, LDAP_OPT_ON) != LDAP_OPT_SUCCESS ||
      ldap_set_option(ld, LDAP_OPT_X_SASL_SECPROPS, properties) != LDAP_OPT_SUCCESS ||
      (under_tls && ldap_set_option(ld, LDAP_OPT_X_SASL_CBINDING, &endpoint) != LDAP_OPT_SUCCESS))
    return error(ErrorKind::config, "libldap was built without what a Kerberos bind needs");
  TicketHandover handover{ticket.credentials()};
  Message answer;
  const char* mechanism = nullptr;  // libldap's memory from step to step
  int code = LDAP_SUCCESS;
  do {
    code = ldap_sasl_interactive_bind(ld, nullptr, "GSSAPI", nullptr, nullptr, LDAP_SASL_QUIET,
                                      &TicketHandover::interact, &handover, answer.get(),
                                      &mechanism, &message_id);
    if (code != LDAP_SASL_BIND_IN_PROGRESS)
      break;
    auto message = wait(options.connect_timeout, stop);
    if (!message)
      return message.error();
    answer = std::move(*message);
  } while (true);
  message_id = 0;
  char* said = nullptr;
  ldap_get_option(ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, static_cast<void*>(&said));
  const std::string diagnostic = said != nullptr ? said : "";
  ldap_memfree(said);
  if (code == LDAP_AUTH_UNKNOWN)
    return error(ErrorKind::config, "this machine's SASL library cannot do GSSAPI",
                 "install libsasl2-modules-gssapi-mit");
  if (code == LDAP_SERVER_DOWN)
    return error(ErrorKind::broken, "connection lost");
  if (code != LDAP_SUCCESS)
    return refusal(ticket.principal(), code, diagnostic);
  // not what libldap made of it, but what the controller said last
  int said_last = LDAP_OTHER;
  if (answer)
    ldap_parse_result(ld, answer.get(), &said_last, nullptr, nullptr, nullptr, nullptr, 0);
  if (!handover.done || said_last != LDAP_SUCCESS)
    return error(ErrorKind::auth, "the Kerberos bind ended before it was complete");
  ber_len_t strength = 0;
  ldap_get_option(ld, LDAP_OPT_X_SASL_SSF, &strength);
  if (!under_tls && strength < 2)
    return error(ErrorKind::auth, "the controller did not agree to encrypt");
  return std::nullopt;
}

Error LdapConnection::State::refusal(const std::string& name, int code,
                                     const std::string& diagnostic) const {
  const std::string refused = "bind as " + name + " refused: ";
  // SEC_E_BAD_BINDINGS: the ticket is bound to another certificate than the controller's
  if (diagnostic.find("80090346") != std::string::npos)
    return error(ErrorKind::auth, refused + "the channel binding does not match",
                 "is there a device between gald and the controller that ends TLS? Use security "
                 "= \"gssapi\" through it");
  if (code == LDAP_INVALID_CREDENTIALS)
    return error(
        ErrorKind::auth, refused + explain_bind_refusal(diagnostic),
        "look at the account in Active Directory and at what the configuration says of it");
  const bool later = code == LDAP_BUSY || code == LDAP_UNAVAILABLE;
  if (code == LDAP_STRONG_AUTH_REQUIRED && options.security != Security::gssapi)
    return error(ErrorKind::auth, refused + code_text(code, diagnostic),
                 "this controller wants Kerberos to sign or seal: security = \"gssapi\"");
  return error(later ? ErrorKind::network : ErrorKind::auth, refused + code_text(code, diagnostic));
}

/// The next message of the request `message_id`.
base::Result<Message> LdapConnection::State::wait(std::chrono::seconds limit,
                                                  std::stop_token stop) {
  const auto deadline = Steady::now() + limit;
  while (true) {
    if (stop.stop_requested())
      return error(ErrorKind::stopped, "stopped while waiting for an answer");
    timeval slice{0, 500'000};
    LDAPMessage* raw = nullptr;
    const int type = ldap_result(ld, message_id, LDAP_MSG_ONE, &slice, &raw);
    if (type > 0)
      return Message(raw);
    if (type < 0) {
      int code = LDAP_SERVER_DOWN;
      ldap_get_option(ld, LDAP_OPT_RESULT_CODE, &code);
      if (code == LDAP_DECODING_ERROR)
        return error(ErrorKind::protocol, "the answer is not LDAP");
      return error(ErrorKind::broken, "connection lost");
    }
    if (Steady::now() >= deadline)
      return error(ErrorKind::broken, "no answer for " + std::to_string(limit.count()) + " s");
  }
}

base::Result<SearchEnd> LdapConnection::State::parse_end(LDAPMessage* message) const {
  SearchEnd end;
  char* said = nullptr;
  char** referrals = nullptr;
  LDAPControl** controls = nullptr;
  if (ldap_parse_result(ld, message, &end.code, nullptr, &said, &referrals, &controls, 0) !=
      LDAP_SUCCESS)
    return error(ErrorKind::protocol, "the end of a search is not LDAP");
  note_referrals(referrals);
  ldap_memvfree(reinterpret_cast<void**>(referrals));
  end.text = code_text(end.code, said != nullptr ? said : "");
  ldap_memfree(said);
  for (LDAPControl** at = controls; at != nullptr && *at != nullptr; ++at) {
    const berval& value = (*at)->ldctl_value;
    end.controls.push_back(
        {(*at)->ldctl_oid,
         value.bv_val != nullptr ? std::string(value.bv_val, value.bv_len) : std::string(),
         (*at)->ldctl_iscritical != 0});
  }
  ldap_controls_free(controls);
  return end;
}

/// In the middle of a stream, when nothing is there: a moment in which something gathers. Whoever
/// wakes up for every entry spends a third of his time on waking up.
void LdapConnection::State::let_gather() const {
  constexpr timespec kMoment{0, 1'000'000};
  Sockbuf* buffer = nullptr;
  ldap_get_option(ld, LDAP_OPT_SOCKBUF, &buffer);
  int fd = -1;
  if (buffer == nullptr || ber_sockbuf_ctrl(buffer, LBER_SB_OPT_DATA_READY, nullptr) != 0 ||
      ber_sockbuf_ctrl(buffer, LBER_SB_OPT_GET_FD, &fd) != 1)
    return;
  pollfd waiting{fd, POLLIN, 0};
  if (::poll(&waiting, 1, 0) == 0)
    ::nanosleep(&kMoment, nullptr);
}

/// One attribute after the other, once, and nothing is copied: ldap_get_values_len would search the
/// entry from its start for each of them, and ldap_get_attribute_ber allocates a list for each.
std::optional<Error> LdapConnection::State::deliver(LDAPMessage* message, const EntryVisitor& visit,
                                                    Batch& batch) {
  BerElement* raw = nullptr;
  berval dn{};
  if (ldap_get_dn_ber(ld, message, &raw, &dn) != LDAP_SUCCESS)
    return error(ErrorKind::protocol, "an entry is not LDAP");
  const std::unique_ptr<BerElement, void (*)(BerElement*)> walker(
      raw, [](BerElement* ber) { ber_free(ber, 0); });
  values.clear();
  attributes.clear();
  value_counts.clear();
  batch.bytes += dn.bv_len;
  berval element{};
  while (ber_skip_element(walker.get(), &element) == ber::kSequence) {
    // PartialAttribute: a name, and a set of values
    std::string_view rest(element.bv_val, element.bv_len);
    const auto name = ber::take(rest, ber::kOctetString);
    auto set = ber::take(rest, ber::kSet);
    if (!name || !set)
      return error(ErrorKind::protocol, "an attribute of an entry is not LDAP");
    const std::size_t before = values.size();
    while (const auto value = ber::take(*set, ber::kOctetString)) {
      values.push_back(*value);
      batch.bytes += value->size();
    }
    if (!set->empty())
      return error(ErrorKind::protocol, "a value of an entry is not LDAP");
    attributes.push_back({*name, {}});
    value_counts.push_back(values.size() - before);
    batch.bytes += name->size();
  }
  ber_len_t left = 0;
  if (ber_get_option(walker.get(), LBER_OPT_BER_REMAINING_BYTES, &left) != LBER_OPT_SUCCESS ||
      left != 0)
    return error(ErrorKind::protocol, "the attributes of an entry are not LDAP");
  // spans only now: the vector of values has stopped moving
  std::size_t at = 0;
  for (std::size_t i = 0; i < attributes.size(); ++i) {
    attributes[i].values = std::span(values).subspan(at, value_counts[i]);
    at += value_counts[i];
  }
  ++batch.entries;
  visit(Entry{std::string_view(dn.bv_val, dn.bv_len), attributes});
  return std::nullopt;
}

LdapConnection::LdapConnection(std::unique_ptr<State> state) : state_(std::move(state)) {}

LdapConnection::~LdapConnection() = default;

base::Result<std::unique_ptr<LdapConnection>> LdapConnection::open(const LdapOptions& options,
                                                                   const Login& login,
                                                                   std::stop_token stop,
                                                                   Progress* progress) {
  prepare_library();
  Progress unwanted;
  Progress& told = progress != nullptr ? *progress : unwanted;
  auto state = std::make_unique<State>();
  state->options = options;
  const auto address = parse_server_url(options.url, options.security);
  if (!address)
    return state->error(ErrorKind::config, options.security == Security::ldaps
                                               ? "expected ldaps://host or ldaps://host:port"
                                               : "expected ldap://host or ldap://host:port");
  if (const auto* simple = std::get_if<SimpleLogin>(&login)) {
    if (options.security == Security::gssapi)
      return state->error(ErrorKind::config, "refused to send a password in clear text");
    if (simple->name.empty() || simple->password.empty())
      return state->error(ErrorKind::config,
                          "refused to bind without a name or without a password: that would be an "
                          "anonymous bind");
  }
  auto socket = dial(address->host, address->port, options.connect_timeout, stop);
  if (!socket)
    return state->error(socket.error().kind, socket.error().what);
  told.connected = true;
  const int fd = socket->fd();
  if (ldap_init_fd(fd, LDAP_PROTO_TCP, options.url.c_str(), &state->ld) != LDAP_SUCCESS)
    return state->error(ErrorKind::config, "libldap does not accept this url");
  socket->release();
  if (auto trouble = state->prepare())
    return std::move(*trouble);
  if (options.security == Security::starttls)
    if (auto trouble = state->start_tls(stop))
      return std::move(*trouble);
  if (options.security != Security::gssapi) {
    auto trouble = state->shake_hands(stop, fd);
    if (progress != nullptr) {
      told.certificate = state->peer_certificate();
      told.tls_version = state->tls_version();
    }
    if (trouble)
      return std::move(*trouble);
  }
  told.secured = true;
  // the handshake left the socket blocking, and ldap_result would then hang when the peer stalls
  // inside a TLS record
  Sockbuf* buffer = nullptr;
  ldap_get_option(state->ld, LDAP_OPT_SOCKBUF, &buffer);
  int on = 1;
  if (buffer == nullptr || ber_sockbuf_ctrl(buffer, LBER_SB_OPT_SET_NONBLOCK, &on) < 0)
    return state->error(ErrorKind::network, "the connection cannot be made non-blocking");
  // below TLS: servers send a record for each entry, of which each would cost a poll and two reads
  int ahead = 1 << 16;
  if (ber_sockbuf_add_io(buffer, &ber_sockbuf_io_readahead, LBER_SBIOD_LEVEL_PROVIDER, &ahead) < 0)
    return state->error(ErrorKind::network, "the connection cannot be buffered");
  if (auto trouble = state->bind(login, std::move(stop)))
    return std::move(*trouble);
  return std::unique_ptr<LdapConnection>(new LdapConnection(std::move(state)));
}

base::Result<std::monostate> LdapConnection::start(const SearchRequest& request) {
  // libldap's interface is not const-correct; it changes none of these
  std::vector<char*> names;
  for (const std::string& name : request.attributes)
    names.push_back(const_cast<char*>(name.c_str()));
  names.push_back(nullptr);
  std::vector<LDAPControl> controls(request.controls.size());
  std::vector<LDAPControl*> list;
  for (std::size_t i = 0; i < controls.size(); ++i) {
    const Control& wanted = request.controls[i];
    controls[i].ldctl_oid = const_cast<char*>(wanted.oid.c_str());
    if (!wanted.value.empty()) {
      controls[i].ldctl_value.bv_len = wanted.value.size();
      controls[i].ldctl_value.bv_val = const_cast<char*>(wanted.value.data());
    }
    controls[i].ldctl_iscritical = wanted.critical ? 1 : 0;
    list.push_back(&controls[i]);
  }
  list.push_back(nullptr);
  const bool small = request.scope == Scope::base;
  timeval limit{small ? state_->options.answer_timeout.count()
                      : std::max(state_->options.answer_timeout, kLongestSearch).count(),
                0};
  const int code = ldap_search_ext(state_->ld, request.base.c_str(),
                                   small ? LDAP_SCOPE_BASE : LDAP_SCOPE_SUBTREE,
                                   request.filter.c_str(), names.data(), 0, list.data(), nullptr,
                                   &limit, LDAP_NO_LIMIT, &state_->message_id);
  if (code == LDAP_SERVER_DOWN)
    return state_->error(ErrorKind::broken, "connection lost");
  if (code != LDAP_SUCCESS)
    return state_->error(ErrorKind::protocol, "search not sent: " + code_text(code, ""));
  return std::monostate{};
}

base::Result<Batch> LdapConnection::take(std::size_t most, const EntryVisitor& visit,
                                         std::stop_token stop) {
  Batch batch;
  while (batch.entries < most) {
    if (batch.entries > 0)
      state_->let_gather();
    const auto message = state_->wait(state_->options.answer_timeout, stop);
    if (!message)
      return message.error();
    switch (ldap_msgtype(message->get())) {
      case LDAP_RES_SEARCH_ENTRY:
        if (auto trouble = state_->deliver(message->get(), visit, batch))
          return std::move(*trouble);
        break;
      case LDAP_RES_SEARCH_REFERENCE: {
        char** referrals = nullptr;
        ldap_parse_reference(state_->ld, message->get(), &referrals, nullptr, 0);
        note_referrals(referrals);
        ldap_memvfree(reinterpret_cast<void**>(referrals));
        break;
      }
      case LDAP_RES_INTERMEDIATE:
        break;
      case LDAP_RES_SEARCH_RESULT: {
        auto end = state_->parse_end(message->get());
        if (!end)
          return end.error();
        state_->message_id = 0;
        batch.end = std::move(*end);
        return batch;
      }
      default: {  // an ExtendedResponse for one: nothing more will come for this search
        const auto end = state_->parse_end(message->get());
        return state_->error(ErrorKind::protocol, "a search was answered with something else" +
                                                      (end ? ": " + end->text : std::string()));
      }
    }
  }
  return batch;
}

std::string explain_bind_refusal(std::string_view diagnostic) {
  struct SubCode {
    std::string_view code;
    std::string_view text;
  };

  static constexpr std::array<SubCode, 9> kSubCodes = {{
      {"525", "wrong name or password"},
      {"52e", "wrong name or password"},
      {"530", "not allowed to log on at this time"},
      {"531", "not allowed to log on from this machine"},
      {"532", "the password has expired"},
      {"533", "the account is disabled"},
      {"701", "the account has expired"},
      {"773", "the password must be changed first"},
      {"775", "the account is locked"},
  }};
  constexpr std::string_view kMark = ", data ";
  const std::size_t at = diagnostic.find(kMark);
  if (at == std::string_view::npos)
    return "wrong name or password";
  const std::string_view rest = diagnostic.substr(at + kMark.size());
  const std::string code = base::ascii_lower(rest.substr(0, rest.find_first_of(", ")));
  for (const SubCode& known : kSubCodes)
    if (known.code == code)
      return std::string(known.text) + " (data " + code + ")";
  return "wrong name or password (data " + code.substr(0, 16) + ")";
}

}  // namespace gald::ad
