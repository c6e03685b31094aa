#include "ad/ldap.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <cstring>
#include <ctime>
#include <mutex>
#include <system_error>

#include <lber.h>
#include <ldap.h>
#include <openldap.h>
#include <poll.h>
#include <sys/socket.h>

#include "ad/ber.hpp"
#include "ad/dial.hpp"
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

/// Why a certificate was refused, libldap says only in its debug output. The switch for that output
/// is global, so it is on only while somebody shakes hands, and each thread keeps its own lines.
class HandshakeDiary {
 public:
  HandshakeDiary() {
    const std::lock_guard lock(mutex);
    if (open_diaries++ == 0)
      set_level(kTraceLevel);
    mine = &lines_;
  }

  ~HandshakeDiary() {
    mine = nullptr;
    const std::lock_guard lock(mutex);
    if (--open_diaries == 0)
      set_level(0);
  }

  HandshakeDiary(const HandshakeDiary&) = delete;
  HandshakeDiary& operator=(const HandshakeDiary&) = delete;

  const std::string& lines() const { return lines_; }

  static void install() {
    ber_set_option(nullptr, LBER_OPT_LOG_PRINT_FN, reinterpret_cast<const void*>(&note));
  }

 private:
  static constexpr int kTraceLevel = 1;

  static void note(const char* line) {
    if (mine != nullptr && std::strncmp(line, "TLS:", 4) == 0)
      mine->append(line);
  }

  static void set_level(int level) { ldap_set_option(nullptr, LDAP_OPT_DEBUG_LEVEL, &level); }

  static std::mutex mutex;
  static int open_diaries;
  static thread_local std::string* mine;
  std::string lines_;
};

std::mutex HandshakeDiary::mutex;
int HandshakeDiary::open_diaries = 0;
thread_local std::string* HandshakeDiary::mine = nullptr;

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

struct Address {
  std::string host;
  int port = 0;
};

base::Result<Address> parse_url(const std::string& url) {
  if (base::ascii_lower(url).starts_with("ldap://"))
    return Error{ErrorKind::config,
                 url + ": refused, because a simple bind would send the password in clear text",
                 "write ldaps://"};
  LDAPURLDesc* parsed = nullptr;
  const int code = ldap_url_parse(url.c_str(), &parsed);
  const std::unique_ptr<LDAPURLDesc, void (*)(LDAPURLDesc*)> owner(parsed, ldap_free_urldesc);
  if (code != LDAP_URL_SUCCESS || !base::ascii_iequals(parsed->lud_scheme, "ldaps") ||
      parsed->lud_host == nullptr || *parsed->lud_host == '\0')
    return Error{ErrorKind::config, url + ": expected ldaps://host or ldaps://host:port"};
  return Address{parsed->lud_host, parsed->lud_port != 0 ? parsed->lud_port : LDAPS_PORT};
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

/// From the diary: the reason in words, or "" when it does not speak of the certificate.
std::string certificate_trouble(const std::string& diary) {
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

std::string code_text(int code, std::string_view diagnostic) {
  std::string text = std::string(ldap_err2string(code)) + " (" + std::to_string(code) + ")";
  const std::string_view said = base::trim(diagnostic);
  if (!said.empty())
    text.append(": ").append(said);
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\n' || c == '\r' || c == '\0'; }, ' ');
  return text;
}

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

  std::optional<Error> prepare_tls();
  std::optional<Error> shake_hands(std::stop_token stop, int fd);
  std::optional<Error> check_tls_version() const;
  std::optional<Error> bind(const base::Secret& password, std::stop_token stop);
  base::Result<Message> wait(std::chrono::seconds limit, std::stop_token stop);
  base::Result<SearchEnd> parse_end(LDAPMessage* message) const;
  void let_gather() const;
  std::optional<Error> deliver(LDAPMessage* message, const EntryVisitor& visit, Batch& batch);
};

std::optional<Error> LdapConnection::State::prepare_tls() {
  const std::string ca = options.ca_file.empty() ? default_ca_file() : options.ca_file.string();
  const int version = LDAP_VERSION3;
  const int never = LDAP_DEREF_NEVER;
  const int demand = LDAP_OPT_X_TLS_DEMAND;
  const int tls_1_2 = LDAP_OPT_X_TLS_PROTOCOL_TLS1_2;
  const int as_client = 0;
  const timeval limit{options.connect_timeout.count(), 0};
  const bool set = ldap_set_option(ld, LDAP_OPT_PROTOCOL_VERSION, &version) == LDAP_OPT_SUCCESS &&
                   ldap_set_option(ld, LDAP_OPT_REFERRALS, LDAP_OPT_OFF) == LDAP_OPT_SUCCESS &&
                   ldap_set_option(ld, LDAP_OPT_DEREF, &never) == LDAP_OPT_SUCCESS &&
                   // only the two together, and a non-blocking socket, bound the handshake
                   ldap_set_option(ld, LDAP_OPT_NETWORK_TIMEOUT, &limit) == LDAP_OPT_SUCCESS &&
                   ldap_set_option(ld, LDAP_OPT_CONNECT_ASYNC, LDAP_OPT_ON) == LDAP_OPT_SUCCESS &&
                   ldap_set_option(ld, LDAP_OPT_X_TLS_REQUIRE_CERT, &demand) == LDAP_OPT_SUCCESS &&
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

/// With GnuTLS, libldap 2.5 does not heed LDAP_OPT_X_TLS_PROTOCOL_MIN.
std::optional<Error> LdapConnection::State::check_tls_version() const {
  char* text = nullptr;  // "TLS1.3" with GnuTLS, "TLSv1.3" with OpenSSL
  ldap_get_option(ld, LDAP_OPT_X_TLS_VERSION, static_cast<void*>(&text));
  const std::string version = text != nullptr ? text : "an unknown version of TLS";
  ldap_memfree(text);
  if (version.ends_with("1.2") || version.ends_with("1.3"))
    return std::nullopt;
  return error(ErrorKind::tls, "the server speaks " + version + ", TLS 1.2 is the least",
               "enable TLS 1.2 or later on the controller");
}

std::optional<Error> LdapConnection::State::bind(const base::Secret& password,
                                                 std::stop_token stop) {
  berval credentials{};
  credentials.bv_len = password.reveal().size();
  credentials.bv_val = const_cast<char*>(password.reveal().data());  // libldap only reads it
  const int code = ldap_sasl_bind(ld, options.bind_name.c_str(), LDAP_SASL_SIMPLE, &credentials,
                                  nullptr, nullptr, &message_id);
  if (code != LDAP_SUCCESS)
    return error(ErrorKind::network, "connection lost");
  const auto message = wait(options.connect_timeout, stop);
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
  const std::string refused = "bind as " + options.bind_name + " refused: ";
  if (answer == LDAP_INVALID_CREDENTIALS)
    return error(ErrorKind::auth, refused + explain_bind_refusal(diagnostic));
  const bool later = answer == LDAP_BUSY || answer == LDAP_UNAVAILABLE;
  return error(later ? ErrorKind::network : ErrorKind::auth,
               refused + code_text(answer, diagnostic));
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
      return error(ErrorKind::network, "connection lost");
    }
    if (Steady::now() >= deadline)
      return error(ErrorKind::network, "no answer for " + std::to_string(limit.count()) + " s");
  }
}

base::Result<SearchEnd> LdapConnection::State::parse_end(LDAPMessage* message) const {
  SearchEnd end;
  char* said = nullptr;
  LDAPControl** controls = nullptr;
  if (ldap_parse_result(ld, message, &end.code, nullptr, &said, nullptr, &controls, 0) !=
      LDAP_SUCCESS)
    return error(ErrorKind::protocol, "the end of a search is not LDAP");
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
                                                                   const base::Secret& password,
                                                                   std::stop_token stop) {
  prepare_library();
  const auto address = parse_url(options.url);
  if (!address)
    return address.error();
  auto state = std::make_unique<State>();
  state->options = options;
  if (options.bind_name.empty() || password.empty())
    return state->error(ErrorKind::config,
                        "refused to bind without a name or without a password: that would be an "
                        "anonymous bind");
  auto socket = dial(address->host, address->port, options.connect_timeout, stop);
  if (!socket)
    return state->error(socket.error().kind, socket.error().what);
  const int fd = socket->fd();
  if (ldap_init_fd(fd, LDAP_PROTO_TCP, options.url.c_str(), &state->ld) != LDAP_SUCCESS)
    return state->error(ErrorKind::config, "libldap does not accept this url");
  socket->release();
  if (auto trouble = state->prepare_tls())
    return std::move(*trouble);
  if (auto trouble = state->shake_hands(stop, fd))
    return std::move(*trouble);
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
  if (auto trouble = state->bind(password, stop))
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
  const int code = ldap_search_ext(
      state_->ld, request.base.c_str(),
      request.scope == Scope::base ? LDAP_SCOPE_BASE : LDAP_SCOPE_SUBTREE, request.filter.c_str(),
      names.data(), 0, list.data(), nullptr, nullptr, LDAP_NO_LIMIT, &state_->message_id);
  if (code == LDAP_SERVER_DOWN)
    return state_->error(ErrorKind::network, "connection lost");
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
      case LDAP_RES_SEARCH_REFERENCE:  // to another domain: a connector of its own reads that
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
