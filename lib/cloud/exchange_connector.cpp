#include "cloud/exchange_connector.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/encoding.hpp"
#include "base/guid.hpp"
#include "base/text.hpp"
#include "cloud/exchange_mapping.hpp"

namespace gald::cloud {

namespace {

using base::Error;
using model::Change;
using sync::Failed;
using sync::Finding;
using sync::Page;
using sync::Pull;

/// Part of the fingerprint: raise it when the same page is to be read differently.
constexpr std::string_view kMappingVersion = "3";

/// Replication, clocks that differ, and the time a listing takes: what a round may have missed, the
/// next one sees.
constexpr std::chrono::minutes kOverlap{15};

constexpr std::chrono::minutes kTrialTimeout{5};

/// There are no published numbers, only a refusal of "too many concurrent requests per tenant".
constexpr ServiceLimits kLimits{.rate = {}, .concurrent = 2};

constexpr std::string_view kMailContacts = "mailcontacts";
constexpr std::string_view kGroups = "distributiongroups";
constexpr std::string_view kMailboxes = "mailboxes";

/// All of them; with `since` those that changed after it.
Cmdlet listing_of(std::string name, std::string select,
                  std::optional<base::TimePoint> since = std::nullopt) {
  Cmdlet cmdlet{std::move(name), {}, std::move(select)};
  if (since)
    cmdlet.parameters.emplace_back("Filter", changed_after(*since));
  cmdlet.parameters.emplace_back("ResultSize", "Unlimited");
  return cmdlet;
}

Cmdlet mail_contacts(std::optional<base::TimePoint> since) {
  return listing_of("Get-MailContact", exchange_select(ExchangeView::routing), since);
}

/// Without the contacts that have no mail, which no address list shows.
Cmdlet persons(std::optional<base::TimePoint> since) {
  Cmdlet cmdlet = listing_of("Get-Contact", exchange_select(ExchangeView::person), since);
  cmdlet.parameters.emplace_back("RecipientTypeDetails",
                                 std::vector<std::string>{"MailContact", "MailForestContact"});
  return cmdlet;
}

Cmdlet distribution_groups(std::optional<base::TimePoint> since) {
  return listing_of("Get-DistributionGroup", exchange_select(ExchangeView::group), since);
}

Cmdlet dynamic_groups() {
  return listing_of("Get-DynamicDistributionGroup", exchange_select(ExchangeView::group));
}

Cmdlet mailboxes(std::optional<base::TimePoint> since) {
  Cmdlet cmdlet = listing_of("Get-Mailbox", exchange_select(ExchangeView::mailbox), since);
  cmdlet.parameters.emplace_back("RecipientTypeDetails", exchange_listed_mailboxes());
  return cmdlet;
}

Cmdlet members_of(const base::Guid& group, bool dynamic) {
  Cmdlet cmdlet =
      listing_of(dynamic ? "Get-DynamicDistributionGroupMember" : "Get-DistributionGroupMember",
                 exchange_member_select());
  cmdlet.parameters.emplace_back("Identity", group.text());
  return cmdlet;
}

/// Since when changes are asked for; nothing: a full round.
struct Start {
  std::optional<base::TimePoint> since;
  bool refused = false;  ///< the cursor is none of ours
};

Start start_of(const model::Cursor& from) {
  if (from.position.empty())
    return {};
  const auto watermark = base::parse_iso8601(from.position);
  if (!watermark)
    return {.since = std::nullopt, .refused = true};
  return {.since = *watermark - kOverlap, .refused = false};
}

/// The pages of a round have no cursor, as their links die within minutes: a round that is broken
/// off is repeated.
class ExchangeRound : public sync::Round {
 public:
  ExchangeRound(const ExchangeService& service, const base::Clock& clock, const Start& start,
                const Cmdlet& first)
      : service_(service), clock_(clock), start_(start), listing_(service, first) {}

  Pull next(std::stop_token stop) final {
    if (start_.refused)
      return sync::CursorRefused{"the cursor is not a time"};
    ExchangeAnswer answer = listing_.ask(stop, progress_);
    if (auto* throttled = std::get_if<sync::Throttled>(&answer))
      return std::move(*throttled);
    if (auto* failed = std::get_if<Failed>(&answer))
      return std::move(*failed);
    Pull pull = std::holds_alternative<Refused>(answer) ? refused(std::get<Refused>(answer))
                                                        : read(std::get<std::string>(answer));
    if (auto* page = std::get_if<Page>(&pull)) {
      page->last = listing_.done() && !go_on_to_next_listing();
      if (page->last)
        page->next = model::Cursor{base::to_iso8601(progress_.began.value_or(clock_.now())), {}};
      page->effort = std::exchange(progress_.effort, {});
    }
    return pull;
  }

 protected:
  /// A Page, without what next() adds, or why there is none. Takes the listing on.
  virtual Pull read(const std::string& body) = 0;

  /// False at the end of the round.
  virtual bool go_on_to_next_listing() = 0;

  virtual Pull refused(const Refused& refused) { return Failed{refused.error}; }

  /// The Page of what was read, and on to the next one of the listing.
  Pull listed(base::Result<ExchangePage> read) {
    if (!read)
      return listing_.garbled(read.error().what);
    if (auto failed = listing_.go_on(read->next_link))
      return *std::move(failed);
    Page page;
    page.changes = std::move(read->changes);
    page.rejected = std::move(read->rejected);
    return page;
  }

  bool full() const { return !start_.since; }

  const std::optional<base::TimePoint>& since() const { return start_.since; }

  ExchangeListing& listing() { return listing_; }

  void list(const Cmdlet& cmdlet) { listing_ = ExchangeListing(service_, cmdlet); }

 private:
  const ExchangeService& service_;
  const base::Clock& clock_;
  const Start start_;
  ExchangeListing listing_;
  ExchangeProgress progress_;
};

/// First what Get-MailContact says, then what Get-Contact adds.
class MailContactRound final : public ExchangeRound {
 public:
  MailContactRound(const ExchangeService& service, const base::Clock& clock, const Start& start)
      : ExchangeRound(service, clock, start, mail_contacts(start.since)) {}

 private:
  Pull read(const std::string& body) override {
    Pull pull =
        listed(read_exchange_page(routing_ ? ExchangeView::routing : ExchangeView::person, body));
    auto* page = std::get_if<Page>(&pull);
    if (page == nullptr)
      return pull;
    if (routing_) {
      for (const Change& change : page->changes)
        contacts_.push_back(base::Guid::parse(change.anchor).value());
    } else {
      std::erase_if(page->changes, [this](const Change& change) { return !has(change.anchor); });
      std::erase_if(page->rejected, [this](const model::Rejected& rejected) {
        return !rejected.anchor.empty() && !has(rejected.anchor);
      });
    }
    return pull;
  }

  bool go_on_to_next_listing() override {
    if (!std::exchange(routing_, false))
      return false;
    std::sort(contacts_.begin(), contacts_.end());
    list(persons(since()));
    return true;
  }

  bool has(const std::string& anchor) const {
    return std::binary_search(contacts_.begin(), contacts_.end(),
                              base::Guid::parse(anchor).value());
  }

  bool routing_ = true;

  /// Whom Get-MailContact brought in this round. An object that Get-Contact alone brings came
  /// between the two listings or was rejected in the first: half of it is of no use. Its next
  /// change, or the overlap, brings both halves. 16 bytes for each, and only in a full round are
  /// they many.
  std::vector<base::Guid> contacts_;
};

class MailboxRound final : public ExchangeRound {
 public:
  MailboxRound(const ExchangeService& service, const base::Clock& clock, const Start& start)
      : ExchangeRound(service, clock, start, mailboxes(start.since)) {}

 private:
  Pull read(const std::string& body) override {
    return listed(read_exchange_page(ExchangeView::mailbox, body));
  }

  bool go_on_to_next_listing() override { return false; }
};

/// The groups, and then, group by group, the members that Graph lacks.
class GroupRound final : public ExchangeRound {
 public:
  GroupRound(const ExchangeService& service, const base::Clock& clock, const Start& start)
      : ExchangeRound(service, clock, start, distribution_groups(start.since)) {}

 private:
  enum class Step { groups, dynamic_groups, members };

  struct Asked {
    base::Guid group;
    bool dynamic;
  };

  Pull read(const std::string& body) override {
    return step_ == Step::members ? read_members(body) : read_groups(body);
  }

  Pull read_groups(const std::string& body) {
    Pull pull = listed(read_exchange_page(ExchangeView::group, body));
    auto* page = std::get_if<Page>(&pull);
    if (page == nullptr)
      return pull;
    for (Change& change : page->changes) {
      const bool known_to_graph =
          change.set.contains(model::Attribute::external_directory_object_id);
      if (!known_to_graph)
        waiting_.push_back(
            {base::Guid::parse(change.anchor).value(), step_ == Step::dynamic_groups});
      else if (!full())
        change.members_complete = true;  // none: Graph tells them from now on
    }
    return pull;
  }

  /// A full round hands members on as they come, and its end removes whom it did not see. In a
  /// delta round the list must be whole; the few groups in question are small.
  Pull read_members(const std::string& body) {
    if (listing().at_first_page()) {
      members_.clear();
      trouble_.clear();
    }
    auto read = read_exchange_members(body);
    if (!read)
      return listing().garbled(read.error().what);
    if (auto failed = listing().go_on(read->next_link))
      return *std::move(failed);
    if (!read->trouble.empty())
      trouble_ = std::move(read->trouble);
    Page page;
    page.changes = std::move(read->references);
    if (full()) {
      page.changes.push_back(membership(std::move(read->anchors)));
    } else {
      members_.insert(members_.end(), std::make_move_iterator(read->anchors.begin()),
                      std::make_move_iterator(read->anchors.end()));
      if (listing().done() && trouble_.empty()) {
        page.changes.push_back(membership(std::exchange(members_, {})));
        page.changes.back().members_complete = true;
      }
    }
    if (!trouble_.empty())
      page.rejected.push_back({asked_.group.text(), trouble_});
    return page;
  }

  /// Members that cannot be told are that group's problem alone: it keeps those it had.
  Pull refused(const Refused& refused) override {
    if (step_ != Step::members)
      return ExchangeRound::refused(refused);
    if (auto failed = listing().go_on({}))
      return *std::move(failed);
    Page page;
    page.rejected.push_back({asked_.group.text(), "its members: " + refused.error.what});
    return page;
  }

  bool go_on_to_next_listing() override {
    if (step_ == Step::groups && full()) {
      step_ = Step::dynamic_groups;
      list(dynamic_groups());
      return true;
    }
    step_ = Step::members;
    if (waiting_.empty())
      return false;
    asked_ = waiting_.back();
    waiting_.pop_back();
    list(members_of(asked_.group, asked_.dynamic));
    return true;
  }

  Change membership(std::vector<std::string> members) const {
    Change change;
    change.anchor = asked_.group.text();
    change.kind = model::RecordKind::group;
    change.part = true;
    change.members_added = std::move(members);
    return change;
  }

  Step step_ = Step::groups;
  std::vector<Asked> waiting_;  ///< groups whose members are still to be asked for
  Asked asked_{};
  std::vector<std::string> members_;  ///< of a delta round's group, so far
  std::string trouble_;
};

}  // namespace

ExchangeConnector::ExchangeConnector(ServiceOptions options, const base::Clock& clock)
    : name_(options.name),
      clock_(clock),
      client_(options, kLimits, clock),
      service_{client_, options.tenant, options.client_id} {
  const std::string asked = std::string(kMappingVersion) + "\n" + client_.endpoint() + "\n" +
                            base::ascii_lower(options.tenant) + "\n";
  const auto add = [&](std::string_view name, const std::string& selected, bool only_adds = false) {
    collections_.push_back({.name = std::string(name),
                            .fingerprint = "exchange " + base::sha256_hex(asked + selected),
                            .complete_every = options.complete_every,
                            .only_adds = only_adds});
  };
  add(kMailContacts,
      exchange_select(ExchangeView::routing) + "\n" + exchange_select(ExchangeView::person));
  add(kGroups, exchange_select(ExchangeView::group) + "\n" + exchange_member_select());
  add(kMailboxes, exchange_select(ExchangeView::mailbox), true);
}

std::unique_ptr<sync::Round> ExchangeConnector::begin(const sync::Collection& collection,
                                                      const model::Cursor& from) {
  if (collection.name == kGroups)
    return std::make_unique<GroupRound>(service_, clock_, start_of(from));
  if (collection.name == kMailboxes)
    return std::make_unique<MailboxRound>(service_, clock_, start_of(from));
  return std::make_unique<MailContactRound>(service_, clock_, start_of(from));
}

std::vector<Finding> ExchangeConnector::check(std::stop_token stop) {
  const std::string title = "Exchange Online (" + name_ + ")";
  bool usable = false;
  auto findings = client_.check_token(
      title, {{"Exchange.ManageAsApp", "runs cmdlets as an application"}}, usable, stop);
  if (!usable)
    return findings;
  // Exchange decides by cmdlet what a role may run.
  bool seen = false;
  for (const char* cmdlet : {"Get-MailContact", "Get-Contact", "Get-DistributionGroup",
                             "Get-DynamicDistributionGroup", "Get-Mailbox"}) {
    sync::Effort effort;
    const auto request = command_request(client_.endpoint(), service_.tenant,
                                         {cmdlet, {{"ResultSize", std::int64_t{1}}}, "Guid"});
    const auto answer = client_.send(request, {.timeout = kTrialTimeout}, stop, effort);
    if (const auto* response = std::get_if<net::HttpResponse>(&answer);
        response && !std::exchange(seen, true))
      for (Finding& finding : client_.check_answer(title, *response))
        findings.push_back(std::move(finding));
    findings.push_back(finding_on(title + ": " + cmdlet, request, answer));
    if (std::holds_alternative<Failed>(answer))
      break;  // the network, or a stop: the others would say the same
  }
  for (Finding& finding : findings)
    if (finding.check.empty())
      finding.check = "role";
  return findings;
}

Finding ExchangeConnector::finding_on(const std::string& what, const net::HttpRequest& request,
                                      const AuthorizedClient::Answer& answer) const {
  const auto problem = [&what](const Error& error) {
    return Finding{Finding::Level::problem, what + ": " + error.what, error.remedy};
  };
  const ExchangeAnswer meaning = exchange_answer(service_, request, answer);
  if (const auto* throttled = std::get_if<sync::Throttled>(&meaning))
    return {Finding::Level::warning, what + ": " + throttled->reason, "Try again later."};
  if (const auto* failed = std::get_if<Failed>(&meaning))
    return problem(failed->error);
  if (const auto* refused = std::get_if<Refused>(&meaning))
    return problem(refused->error);
  const auto read = read_exchange_page(ExchangeView::routing, std::get<std::string>(meaning));
  if (!read)
    return problem(read.error());
  return {Finding::Level::ok, what + " can be run", {}};
}

}  // namespace gald::cloud
