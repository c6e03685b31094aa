// Rounds against a small directory in memory that refuses DirSync, cuts attributes into ranges and
// evaluates filters: what polling, range retrieval and scope do with it.
#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "ad/ad_connector.hpp"
#include "ad/ber.hpp"
#include "ad/dirsync.hpp"
#include "ad/feed.hpp"
#include "ad/range_retrieval.hpp"
#include "ad/scope.hpp"
#include "base/guid.hpp"
#include "support.hpp"

namespace gald::ad {
namespace {

using model::Attribute;
using model::Presence;
using sync::CursorRefused;
using sync::Failed;
using sync::Page;
using test::anchor;

constexpr const char* kContext = "DC=contoso,DC=test";
constexpr const char* kHead = "eb2bf6c4-512d-447f-8aa0-cf2499f6980f";

struct Object {
  std::string anchor;
  std::string dn;
  std::uint64_t usn = 0;
  bool deleted = false;
  bool in_filter = true;
  std::map<std::string, std::vector<std::string>> values;
};

/// What the sessions of a test share.
struct Directory {
  std::vector<Object> objects;
  std::uint64_t usn = 100;
  int dirsync_code = result_code::kUnavailableCriticalExtension;
  bool sees_deletions = true;
  std::size_t range = 1500;  // values of an attribute in one answer
  bool answers_ranges = true;
  std::set<std::string> missing;  // DNs that cannot be found
  std::vector<SearchRequest> requests;

  Object& add(int number, const std::string& object_class, const std::string& dn) {
    objects.push_back({anchor(number), dn, ++usn, false, true, {}});
    objects.back().values["objectClass"] = {object_class};
    return objects.back();
  }

  std::size_t searches() const {
    return static_cast<std::size_t>(
        std::count_if(requests.begin(), requests.end(), [](const SearchRequest& request) {
          return request.scope == Scope::subtree &&
                 request.filter.find("objectGUID") == std::string::npos;
        }));
  }
};

std::string link(const std::string& guid) {
  return "<GUID=" + guid + ">;CN=x," + kContext;
}

class DirectorySession final : public Session {
 public:
  explicit DirectorySession(Directory& directory) : directory_(directory) {}

  base::Result<std::monostate> start(const SearchRequest& request) override {
    EXPECT_FALSE(searching_) << "one search at a time";
    searching_ = true;
    directory_.requests.push_back(request);
    found_.clear();
    sent_ = 0;
    end_ = {};
    evaluate(request);
    return std::monostate{};
  }

  base::Result<Batch> take(std::size_t most, const EntryVisitor& visit, std::stop_token) override {
    Batch batch;
    while (sent_ < found_.size() && batch.entries < most) {
      with_views(found_[sent_++], visit);
      ++batch.entries;
    }
    if (batch.entries < most || most == 0) {
      searching_ = false;
      batch.end = end_;
    }
    return batch;
  }

 private:
  using Pairs = std::vector<std::pair<std::string, std::vector<std::string>>>;

  void give(std::string dn, Pairs attributes) {
    OwnedEntry entry{Entry{}};
    entry.dn = std::move(dn);
    entry.attributes = std::move(attributes);
    found_.push_back(std::move(entry));
  }

  static const Control* control(const SearchRequest& request, std::string_view oid) {
    for (const Control& candidate : request.controls)
      if (candidate.oid == oid)
        return &candidate;
    return nullptr;
  }

  void evaluate(const SearchRequest& request) {
    if (control(request, kDirSyncOid) != nullptr) {
      end_.code = directory_.dirsync_code;
      return;
    }
    if (request.base.empty())
      return give("", {{"defaultNamingContext", {kContext}},
                       {"namingContexts", {kContext}},
                       {"configurationNamingContext", {"CN=Configuration"}},
                       {"schemaNamingContext", {"CN=Schema"}},
                       {"dnsHostName", {"dc1.contoso.test"}},
                       {"dsServiceName", {"CN=NTDS Settings"}},
                       {"highestCommittedUSN", {std::to_string(directory_.usn)}},
                       {"currentTime", {"20261121053000.0Z"}},
                       {"supportedControl", {std::string(kDirSyncOid)}}});
    if (request.base == "CN=NTDS Settings")
      return give(request.base, {{"invocationId", {base::Guid::parse(kHead)->ad_bytes()}}});
    if (request.base.starts_with("CN=Deleted Objects"))
      return give(request.base,
                  directory_.sees_deletions ? Pairs{{"name", {"Deleted Objects"}}} : Pairs{});
    if (request.scope == Scope::base)
      return base_search(request);
    if (request.filter.find("(objectGUID=") != std::string::npos)
      return filter_search(request);
    subtree(request);
  }

  void base_search(const SearchRequest& request) {
    if (directory_.missing.contains(request.base)) {
      end_.code = result_code::kNoSuchObject;
      return;
    }
    for (const Object& object : directory_.objects) {
      if (request.base != object.dn && request.base != "<GUID=" + object.anchor + ">")
        continue;
      Pairs pairs = {{"objectGUID", {base::Guid::parse(object.anchor)->ad_bytes()}}};
      for (const std::string& wanted : request.attributes)
        if (const auto range = parse_range(wanted); range && directory_.answers_ranges)
          add_range(pairs, std::string(range->attribute), object, range->first);
      return give(object.dn, std::move(pairs));
    }
    end_.code = result_code::kNoSuchObject;
  }

  void filter_search(const SearchRequest& request) {
    for (const Object& object : directory_.objects) {
      std::string escaped;
      for (const char c : base::Guid::parse(object.anchor)->ad_bytes()) {
        char text[4];
        std::snprintf(text, sizeof text, "\\%02x", static_cast<unsigned char>(c));
        escaped += text;
      }
      if (object.in_filter && request.filter.find(escaped) != std::string::npos)
        give(object.dn, {{"objectGUID", {base::Guid::parse(object.anchor)->ad_bytes()}}});
    }
  }

  void subtree(const SearchRequest& request) {
    std::uint64_t least = 0;
    constexpr std::string_view kSince = "(uSNChanged>=";
    if (const std::size_t at = request.filter.find(kSince); at != std::string::npos)
      std::from_chars(request.filter.data() + at + kSince.size(),
                      request.filter.data() + request.filter.size(), least);
    const Control* paging = control(request, kPagedOid);
    ASSERT_NE(paging, nullptr);
    std::string_view value = paging->value;
    auto sequence = ber::take(value, ber::kSequence);
    ber::take(*sequence, ber::kInteger);
    const auto cookie = ber::take(*sequence, ber::kOctetString);
    std::size_t from = 0;
    std::from_chars(cookie->data(), cookie->data() + cookie->size(), from);
    const bool tombstones =
        directory_.sees_deletions && control(request, kShowDeletedOid) != nullptr;
    std::size_t matched = 0;
    std::string next;
    for (const Object& object : directory_.objects) {
      if (object.usn < least || (object.deleted && !tombstones) || matched++ < from)
        continue;
      if (found_.size() == kPageLimit) {
        next = std::to_string(matched - 1);
        break;
      }
      give_whole(object);
    }
    end_.controls = {paged_control(0, next)};
  }

  void give_whole(const Object& object) {
    Pairs pairs = {{"objectGUID", {base::Guid::parse(object.anchor)->ad_bytes()}}};
    if (object.deleted)
      pairs.emplace_back("isDeleted", std::vector<std::string>{"TRUE"});
    for (const auto& [name, values] : object.values) {
      if (values.size() > directory_.range) {
        pairs.emplace_back(name, std::vector<std::string>{});  // as Windows announces it
        add_range(pairs, name, object, 0);
      } else {
        pairs.emplace_back(name, values);
      }
    }
    give("<GUID=" + object.anchor + ">;" + object.dn, std::move(pairs));
  }

  void add_range(Pairs& pairs, const std::string& name, const Object& object, std::size_t first) {
    const std::vector<std::string>& values = object.values.at(name);
    const std::size_t end = std::min(values.size(), first + directory_.range);
    const std::string last = end == values.size() ? "*" : std::to_string(end - 1);
    pairs.emplace_back(name + ";range=" + std::to_string(first) + "-" + last,
                       std::vector<std::string>(values.begin() + static_cast<std::ptrdiff_t>(first),
                                                values.begin() + static_cast<std::ptrdiff_t>(end)));
  }

  Directory& directory_;
  std::vector<OwnedEntry> found_;
  std::size_t sent_ = 0;
  SearchEnd end_;
  bool searching_ = false;
};

class AdPolling : public testing::Test {
 protected:
  AdPolling() {
    options_.name = "ad";
    options_.url = "ldaps://dc1";
    connect();
  }

  void connect() {
    connector_ = make_ad_connector(options_, [this](const std::string&, std::stop_token) {
      return base::Result<std::unique_ptr<Session>>(std::make_unique<DirectorySession>(directory_));
    });
  }

  /// A whole round; its pages as one. Nothing when it failed or was refused.
  std::optional<Page> read(const model::Cursor& from = {}) {
    const auto round = connector_->begin(connector_->collections()[0], from);
    Page all;
    while (!all.last) {
      auto pull = round->next({});
      auto* page = std::get_if<Page>(&pull);
      if (page == nullptr) {
        if (const auto* failed = std::get_if<Failed>(&pull))
          failure_ = failed->error.what;
        return std::nullopt;
      }
      ++pages_;
      std::move(page->changes.begin(), page->changes.end(), std::back_inserter(all.changes));
      std::move(page->rejected.begin(), page->rejected.end(), std::back_inserter(all.rejected));
      all.next = page->next;
      all.last = page->last;
      all.effort.requests += page->effort.requests;
    }
    return all;
  }

  AdOptions options_;
  Directory directory_;
  std::unique_ptr<sync::Connector> connector_;
  std::string failure_;
  int pages_ = 0;
};

TEST_F(AdPolling, IsTheWayWhenDirSyncIsRefused) {
  for (const int code :
       {result_code::kUnavailableCriticalExtension, result_code::kUnwillingToPerform,
        result_code::kInsufficientAccessRights}) {
    directory_ = {};
    directory_.dirsync_code = code;
    directory_.add(1, "contact", "CN=a,DC=contoso,DC=test");
    const auto page = read();
    ASSERT_TRUE(page) << code << failure_;
    ASSERT_EQ(page->changes.size(), 1u);
    EXPECT_TRUE(page->changes[0].whole);
    EXPECT_TRUE(page->next->position.starts_with("polling1 ")) << page->next->position;

    const std::size_t before = directory_.searches();
    EXPECT_TRUE(read(*page->next)->changes.empty());
    EXPECT_EQ(directory_.searches() - before, 1u) << "and stays the way, without asking again";
  }
}

TEST_F(AdPolling, IsNotTriedWhenTheConfigurationSaysDirSync) {
  options_.read_by = ReadBy::dirsync;
  connect();
  EXPECT_FALSE(read());
  EXPECT_FALSE(failure_.empty());
}

TEST_F(AdPolling, TellsWhatChangedAndWhatIsGone) {
  options_.read_by = ReadBy::polling;
  connect();
  for (int i = 0; i < 5; ++i)
    directory_.add(i, "contact", "CN=c" + std::to_string(i) + ",DC=contoso,DC=test");
  const auto first = read();
  ASSERT_EQ(first->changes.size(), 5u);

  directory_.objects[1].usn = ++directory_.usn;
  directory_.objects[2].usn = ++directory_.usn;
  directory_.objects[2].deleted = true;
  const auto second = read(*first->next);
  ASSERT_EQ(second->changes.size(), 2u);
  EXPECT_EQ(second->changes[0].anchor, anchor(1));
  EXPECT_EQ(second->changes[0].presence, Presence::live);
  EXPECT_EQ(second->changes[1].anchor, anchor(2));
  EXPECT_NE(second->changes[1].presence, Presence::live);
  EXPECT_TRUE(read(*second->next)->changes.empty()) << "each change once";
}

TEST_F(AdPolling, GoesThroughPagesOfAThousand) {
  options_.read_by = ReadBy::polling;
  connect();
  for (int i = 0; i < 2500; ++i)
    directory_.add(i, "contact", "CN=c" + std::to_string(i) + ",DC=contoso,DC=test");
  const auto page = read();
  ASSERT_TRUE(page);
  std::set<std::string> anchors;
  for (const model::Change& change : page->changes)
    anchors.insert(change.anchor);
  EXPECT_EQ(anchors.size(), 2500u);
  EXPECT_EQ(directory_.searches(), 3u);
}

TEST_F(AdPolling, AControllerThatWentBackInTimeIsReadAnew) {
  options_.read_by = ReadBy::polling;
  connect();
  directory_.add(1, "contact", "CN=a,DC=contoso,DC=test");
  const auto first = read();
  directory_.usn = 50;
  EXPECT_FALSE(read(*first->next));
  EXPECT_EQ(failure_, "") << "refused, not failed";
}

TEST_F(AdPolling, RangesAreReadToTheirEnd) {
  options_.read_by = ReadBy::polling;
  connect();
  for (const std::size_t members : {1500u, 1501u, 5000u, 4500u}) {
    directory_ = {};
    Object& group = directory_.add(1, "group", "CN=g,DC=contoso,DC=test");
    for (std::size_t i = 0; i < members; ++i)
      group.values["member"].push_back(link(anchor(1000 + static_cast<int>(i))));
    const auto page = read();
    ASSERT_TRUE(page);
    ASSERT_EQ(page->changes.size(), 1u) << members;
    EXPECT_TRUE(page->changes[0].members_complete) << members;
    const std::set<std::string> found(page->changes[0].members_added.begin(),
                                      page->changes[0].members_added.end());
    EXPECT_EQ(found.size(), members);
  }
}

TEST_F(AdPolling, RangesOfAnyAttribute) {
  options_.read_by = ReadBy::polling;
  connect();
  directory_.range = 3;
  Object& contact = directory_.add(1, "contact", "CN=a,DC=contoso,DC=test");
  for (int i = 0; i < 8; ++i)
    contact.values["proxyAddresses"].push_back("smtp:a" + std::to_string(i) + "@x.test");
  const auto page = read();
  ASSERT_EQ(page->changes.size(), 1u);
  EXPECT_EQ(page->changes[0].set.at(Attribute::proxy_addresses).size(), 8u);
}

TEST_F(AdPolling, ARangeWithoutItsEndIsNotKnown) {
  options_.read_by = ReadBy::polling;
  connect();
  directory_.answers_ranges = false;
  Object& group = directory_.add(1, "group", "CN=g,DC=contoso,DC=test");
  for (int i = 0; i < 2000; ++i)
    group.values["member"].push_back(link(anchor(1000 + i)));
  directory_.add(2, "contact", "CN=a,DC=contoso,DC=test");
  const auto page = read();
  ASSERT_TRUE(page) << "one object is no reason to fail a round";
  EXPECT_EQ(page->changes.size(), 1u);
  ASSERT_EQ(page->rejected.size(), 1u);
  EXPECT_EQ(page->rejected[0].anchor, anchor(1));
}

TEST_F(AdPolling, TheFilterIsAskedForWhatCame) {
  options_.read_by = ReadBy::polling;
  options_.scope.filter = "(department=Sales)";
  connect();
  for (int i = 0; i < 1200; ++i)
    directory_.add(i, "contact", "CN=c" + std::to_string(i) + ",DC=contoso,DC=test").in_filter =
        i % 3 == 0;
  const auto out = [](const Page& page) {
    return std::count_if(page.changes.begin(), page.changes.end(), [](const auto& change) {
      return model::first_value(change.set, Attribute::scope) == "out";
    });
  };
  const auto first = read();
  ASSERT_TRUE(first) << failure_;
  EXPECT_EQ(first->changes.size(), 1200u) << "what is out is known all the same";
  EXPECT_EQ(out(*first), 800);
  directory_.objects[0].in_filter = false;
  directory_.objects[0].usn = ++directory_.usn;
  directory_.objects[1].in_filter = true;
  directory_.objects[1].usn = ++directory_.usn;
  const auto second = read(*first->next);
  ASSERT_EQ(second->changes.size(), 2u);
  EXPECT_EQ(out(*second), 1);
}

TEST_F(AdPolling, AConfiguredOuThatIsNotThereIsNoScope) {
  options_.read_by = ReadBy::polling;
  options_.scope.exclude = {"OU=gone,DC=contoso,DC=test"};
  connect();
  EXPECT_FALSE(read());
  EXPECT_NE(failure_.find("exclude: OU=gone,DC=contoso,DC=test cannot be found"), std::string::npos)
      << failure_;
}

TEST_F(AdPolling, RulesBeginAtTheConfiguredOus) {
  options_.read_by = ReadBy::polling;
  options_.scope.base = {"OU=in,DC=contoso,DC=test"};
  options_.scope.exclude = {"OU=out,OU=in,DC=contoso,DC=test"};
  connect();
  directory_.add(1, "organizationalUnit", "OU=in,DC=contoso,DC=test");
  directory_.add(2, "organizationalUnit", "OU=out,OU=in,DC=contoso,DC=test");
  directory_.add(3, "domainDNS", kContext);
  const auto page = read();
  ASSERT_TRUE(page) << failure_;
  std::map<std::string, std::string> rules;
  for (const model::Change& change : page->changes)
    rules[change.anchor] = model::first_value(change.set, Attribute::scope);
  EXPECT_EQ(rules[anchor(1)], "in");
  EXPECT_EQ(rules[anchor(2)], "out");
  EXPECT_EQ(rules[anchor(3)], "out");
}

TEST(AdScope, AttributesOfAFilter) {
  using Names = std::set<std::string>;
  EXPECT_EQ(filter_attributes("(&(mail=*)(!(Department=Sales))(|(a>=1)(b<=2)(c~=x)))"),
            (Names{"mail", "department", "a", "b", "c"}));
  EXPECT_EQ(filter_attributes("(userAccountControl:1.2.840.113556.1.4.803:=2)"),
            (Names{"useraccountcontrol"}));
  EXPECT_EQ(filter_attributes("( mail =x)"), Names{"mail"});
  EXPECT_EQ(filter_attributes("(cn=\\28not=a name\\29)"), Names{"cn"});
  EXPECT_EQ(filter_attributes(""), Names{});
}

TEST(AdScope, KindsChooseTheClasses) {
  const std::string all = class_filter({});
  for (const char* name : {"contact", "user", "group", "organizationalUnit", "domainDNS"})
    EXPECT_NE(all.find(std::string("(objectClass=") + name + ")"), std::string::npos) << name;
  ScopeOptions contacts;
  contacts.kinds = {model::RecordKind::contact};
  EXPECT_EQ(class_filter(contacts).find("(objectClass=user)"), std::string::npos);
  EXPECT_NE(class_filter(contacts).find("organizationalUnit"), std::string::npos)
      << "the names of contacts are made of the containers'";
}

TEST(AdRange, Names) {
  const auto range = parse_range("member;Range=0-1499");
  ASSERT_TRUE(range);
  EXPECT_EQ(range->attribute, "member");
  EXPECT_EQ(range->first, 0u);
  EXPECT_EQ(range->last, 1499u);
  EXPECT_FALSE(parse_range("member;range=1500-*")->last);
  for (const char* name : {"member", "member;binary", "member;range=", "member;range=1",
                           "member;range=a-b", "member;range=-1", "member;range=0-x"})
    EXPECT_FALSE(parse_range(name)) << name;
}

TEST(AdRange, LinkDeltasOfDirSyncAreNone) {
  const auto open = [](const char* name, Way way) {
    const std::vector<EntryAttribute> attributes = {{name, {}}};
    return has_open_range({"", attributes}, way);
  };
  EXPECT_FALSE(open("member;range=1-1", Way::dirsync));
  EXPECT_FALSE(open("member;range=0-0", Way::dirsync));
  EXPECT_TRUE(open("member;range=0-0", Way::polling));
  EXPECT_TRUE(open("member;range=0-1499", Way::dirsync));
  EXPECT_FALSE(open("member;range=0-*", Way::polling));
}

TEST(AdPaging, Answers) {
  const auto answer = [](std::string_view cookie) {
    return parse_paged_answer({0, "", {paged_control(0, cookie)}});
  };
  EXPECT_EQ(answer("next"), "next");
  EXPECT_EQ(answer(""), "");
  EXPECT_FALSE(parse_paged_answer({}));
  EXPECT_FALSE(parse_paged_answer({0, "", {{std::string(kPagedOid), "\x30\x03\x02\x01", false}}}));
}

}  // namespace
}  // namespace gald::ad
