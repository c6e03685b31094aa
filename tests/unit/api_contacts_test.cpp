#include "api/contact_query.hpp"
#include "api/problem.hpp"
#include "api_fixture.hpp"

namespace gald::api {

namespace {

using index::Visibility;

constexpr base::TimePoint kNow{std::chrono::hours(24 * 365 * 50)};

index::ContactFilter filter_of(std::string_view query) {
  return filter_from(Parameters(query, filter_parameters()));
}

std::string refusal(std::string_view query) {
  try {
    const Parameters parameters(query, filter_parameters({"at"}));
    filter_from(parameters);
    moment_from(parameters, kNow);
  } catch (const Refused& refused) {
    EXPECT_EQ(refused.status(), 400);
    return refused.what();
  }
  return {};
}

std::optional<index::Moment> moment_of(std::string_view query) {
  return moment_from(Parameters(query, {"at"}), kNow);
}

TEST(ContactQuery, NamesWhatAFilterHas) {
  const index::ContactFilter filter = filter_of(
      "source=hybrid&status=disabled&kind=guest&group=Sales%20%26%20Co&label=VIP&hidden=unknown"
      "&changed_since=2019-12-01T01:00:00%2B01:00&changed_after=17&with_deleted=true");
  EXPECT_EQ(filter.source, model::Source::hybrid);
  EXPECT_EQ(filter.status, model::Status::disabled);
  EXPECT_EQ(filter.kind, model::EntryKind::guest);
  EXPECT_EQ(filter.group, "Sales & Co");
  EXPECT_EQ(filter.label, "VIP");
  EXPECT_EQ(filter.visibility, Visibility::unknown);
  EXPECT_EQ(filter.changed_since, base::parse_iso8601("2019-12-01T00:00:00Z"));
  EXPECT_EQ(filter.changed_after, 17);
  EXPECT_TRUE(filter.with_deleted);
  EXPECT_EQ(filter_of("hidden=true").visibility, Visibility::hidden);
  EXPECT_EQ(filter_of("hidden=false").visibility, Visibility::visible);
}

TEST(ContactQuery, WhatIsNotSaidDoesNotRestrict) {
  for (const char* query : {"", "source=&status=&kind=&group=&hidden=&changed_since="}) {
    const index::ContactFilter filter = filter_of(query);
    EXPECT_FALSE(filter.source || filter.status || filter.kind || filter.visibility ||
                 filter.changed_after || filter.changed_since || filter.with_deleted);
    EXPECT_EQ(filter.group + filter.label, "");
  }
}

TEST(ContactQuery, WhatIsWrongIsNamed) {
  EXPECT_EQ(refusal("source=ad"), "source: expected cloud, on_premises or hybrid, not \"ad\"");
  EXPECT_NE(refusal("status=gone").find("active, disabled or deleted"), std::string::npos);
  EXPECT_NE(refusal("kind=person").find("contact, user, guest or group"), std::string::npos);
  EXPECT_NE(refusal("hidden=yes").find("true, false or unknown"), std::string::npos);
  EXPECT_NE(refusal("changed_since=yesterday").find("2026-11-28T10:00:00Z"), std::string::npos);
  EXPECT_NE(refusal("changed_after=-1").find("changed_after"), std::string::npos);
  EXPECT_NE(refusal("with_deleted=1").find("true or false"), std::string::npos);
  EXPECT_NE(refusal("at=99999999999999999999").find("at: "), std::string::npos);
  EXPECT_NE(refusal("at=noon").find("the number of a run"), std::string::npos);
  EXPECT_NE(refusal("at=2099-01-01T00:00:00Z").find("future"), std::string::npos);
}

TEST(ContactQuery, Moments) {
  EXPECT_EQ(moment_of(""), std::nullopt);
  EXPECT_EQ(std::get<index::AfterRun>(moment_of("at=12").value()).run, 12);
  EXPECT_EQ(std::get<base::TimePoint>(moment_of("at=2001-01-01T00:00:00Z").value()),
            base::parse_iso8601("2001-01-01T00:00:00Z"));
}

}  // namespace

}  // namespace gald::api
