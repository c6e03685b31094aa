#include "config_policy.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <utility>

#include "ad/mapping.hpp"
#include "base/text.hpp"
#include "cloud/exchange_mapping.hpp"
#include "cloud/graph_mapping.hpp"
#include "reconcile/field_mapping.hpp"
#include "reconcile/merge.hpp"

namespace gald::daemon {

namespace {

using model::Attribute;
using reconcile::FieldRule;
using reconcile::Transform;

constexpr auto kTransforms = std::to_array<std::pair<std::string_view, Transform>>({
    {"trim", Transform::trim},
    {"collapse_spaces", Transform::collapse_spaces},
    {"lower", Transform::lower},
    {"upper", Transform::upper},
});

/// The names of all attributes that may stand somewhere.
std::vector<std::string_view> names_where(bool (*allowed)(Attribute)) {
  std::vector<std::string_view> names;
  for (const model::AttributeInfo& info : model::attribute_schema())
    if (allowed(info.attribute))
      names.push_back(info.name);
  return names;
}

std::string what_is_wrong_with(const std::string& text) {
  if (base::trim(text).empty())
    return "must not be empty";
  if (std::any_of(text.begin(), text.end(),
                  [](char c) { return static_cast<unsigned char>(c) < 32; }))
    return "must not contain control characters";
  return {};
}

/// A list of texts, each of them checked; nothing, once the error is told.
std::optional<std::vector<std::string>> texts_of(const toml::node& node, const std::string& where,
                                                 const std::string& expected, const Fail& fail) {
  const auto* array = node.as_array();
  if (array == nullptr || array->empty()) {
    fail(line_of(node), where,
         "expected " + expected + ", " + (array != nullptr ? "found an empty list" : found(node)));
    return std::nullopt;
  }
  std::vector<std::string> texts;
  for (const toml::node& element : *array) {
    const auto* text = element.as_string();
    std::string wrong = text == nullptr ? "expected " + expected + ", " + found(element) + " in it"
                                        : what_is_wrong_with(text->get());
    if (wrong.empty() && std::find(texts.begin(), texts.end(), text->get()) != texts.end())
      wrong = "names \"" + text->get() + "\" twice";
    if (!wrong.empty()) {
      fail(line_of(element), where, wrong);
      return std::nullopt;
    }
    texts.push_back(text->get());
  }
  return texts;
}

/// One line of a mapping.
class RuleParser {
 public:
  RuleParser(std::string where, model::ConnectorKind kind, const Fail& fail)
      : where_(std::move(where)), kind_(kind), fail_(fail) {}

  std::optional<FieldRule> parse(Attribute target, const toml::node& node) {
    FieldRule rule;
    rule.target = target;
    if (const auto* name = node.as_string())
      take_from(rule, *name);
    else if (const auto* table = node.as_table())
      parse_table(rule, *table);
    else
      fail(node, {},
           "expected the name of an attribute in quotes, or { from, constant, ignore, transform "
           "}, " +
               found(node));
    return good_ ? std::optional(std::move(rule)) : std::nullopt;
  }

 private:
  void fail(const toml::node& node, std::string_view key, const std::string& what) {
    good_ = false;
    fail_(line_of(node), key.empty() ? where_ : where_ + "." + std::string(key), what);
  }

  void take_from(FieldRule& rule, const toml::value<std::string>& name) {
    static const std::vector<std::string_view> kNames = names_where(reconcile::may_be_taken);
    const std::optional<Attribute> from = model::attribute_named(name.get());
    if (!from)
      return fail(name, {},
                  "unknown attribute \"" + name.get() + "\"" + suggestion(name.get(), kNames));
    if (!reconcile::may_be_taken(*from))
      return fail(name, {}, "no value can be taken from " + name.get());
    if (!is_read(*from))
      return fail(
          name, {},
          "a connector of type " + std::string(to_string(kind_)) + " does not read " + name.get());
    rule.from = from;
  }

  bool is_read(Attribute attribute) const {
    const std::vector<model::SourceAttribute> read =
        kind_ == model::ConnectorKind::active_directory ? ad::source_attributes()
        : kind_ == model::ConnectorKind::entra          ? cloud::graph_source_attributes()
                                                        : cloud::exchange_source_attributes();
    return std::any_of(read.begin(), read.end(), [&](const model::SourceAttribute& source) {
      return source.attribute == attribute;
    });
  }

  void parse_table(FieldRule& rule, const toml::table& table) {
    std::string_view origin;
    for (auto&& [key, node] : table) {
      const std::string name(key.str());
      if (name == "transform") {
        parse_transforms(rule, node);
        continue;
      }
      if (name != "from" && name != "constant" && name != "ignore") {
        fail(node, name,
             "unknown key" + suggestion(name, {"from", "constant", "ignore", "transform"}));
        continue;
      }
      if (!origin.empty())
        fail(node, name,
             "only one of from, constant and ignore, and there is " + std::string(origin) +
                 " already");
      origin = key.str();
      parse_origin(rule, name, node);
    }
    if (origin.empty())
      take_itself(rule, table);
    else if (origin != "from" && table.contains("transform"))
      fail(*table.get("transform"), "transform", "has no meaning with " + std::string(origin));
  }

  void parse_origin(FieldRule& rule, const std::string& name, const toml::node& node) {
    if (name == "ignore") {
      const auto* flag = node.as_boolean();
      if (flag == nullptr || !flag->get())
        fail(node, name, "expected true, " + found(node));
      return;
    }
    const auto* text = node.as_string();
    if (text == nullptr)
      return fail(node, name, "expected a text in quotes, " + found(node));
    if (name == "from")
      return take_from(rule, *text);
    if (const std::string wrong = what_is_wrong_with(text->get()); !wrong.empty())
      return fail(node, name, wrong);
    if (rule.target == Attribute::hidden && text->get() != "true" && text->get() != "false")
      return fail(node, name, "expected \"true\" or \"false\", " + found(node));
    rule.constant = text->get();
  }

  /// Only transforms: of the attribute's own value.
  void take_itself(FieldRule& rule, const toml::table& table) {
    if (!table.contains("transform"))
      return fail(table, {}, "expected one of from, constant, ignore and transform in it");
    rule.from = rule.target;
  }

  void parse_transforms(FieldRule& rule, const toml::node& node) {
    std::vector<std::string_view> names;
    names.reserve(kTransforms.size());
    for (const auto& [name, unused] : kTransforms)
      names.push_back(name);
    const auto texts = texts_of(node, where_ + ".transform",
                                "a list in brackets of trim, collapse_spaces, lower, upper", fail_);
    good_ = good_ && texts;
    if (!texts)
      return;
    for (const std::string& text : *texts) {
      const auto* known = std::find_if(kTransforms.begin(), kTransforms.end(),
                                       [&](const auto& one) { return one.first == text; });
      if (known == kTransforms.end())
        return fail(node, "transform",
                    "unknown transformation \"" + text + "\"" + suggestion(text, names));
      rule.transforms.push_back(known->second);
    }
  }

  std::string where_;
  model::ConnectorKind kind_;
  const Fail& fail_;
  bool good_ = true;
};

}  // namespace

std::vector<FieldRule> parse_mapping(const toml::table& section, const std::string& where,
                                     model::ConnectorKind kind, const Fail& fail) {
  static const std::vector<std::string_view> kNames = names_where(reconcile::may_be_mapped);
  std::vector<FieldRule> rules;
  for (auto&& [key, node] : section) {
    const std::string name(key.str());
    const std::string line = std::string(where).append(".").append(name);
    const std::optional<Attribute> target = model::attribute_named(name);
    if (!target)
      fail(line_of(key), line, "unknown attribute" + suggestion(name, kNames));
    else if (!reconcile::may_be_mapped(*target))
      fail(line_of(key), line,
           "cannot be mapped: it is not published, or something else is decided by it");
    else if (auto rule = RuleParser(line, kind, fail).parse(*target, node))
      rules.push_back(std::move(*rule));
  }
  return rules;
}

void parse_precedence(const toml::table& section, const std::vector<ConnectorConfig>& connectors,
                      reconcile::Policy& policy, const Fail& fail) {
  static const std::vector<std::string_view> kAttributes = [] {
    std::vector<std::string_view> names = names_where(reconcile::has_precedence);
    names.push_back("all");
    return names;
  }();
  std::vector<std::string_view> known;
  known.reserve(connectors.size());
  for (const ConnectorConfig& connector : connectors)
    known.push_back(connector.name);
  for (auto&& [key, node] : section) {
    const std::string name(key.str());
    const std::string where = "precedence." + name;
    const std::optional<Attribute> attribute = model::attribute_named(name);
    if (name != "all" && !attribute) {
      fail(line_of(key), where, "unknown attribute" + suggestion(name, kAttributes));
      continue;
    }
    if (attribute && !reconcile::has_precedence(*attribute)) {
      fail(line_of(key), where,
           "has no precedence of its own: it is not published, or belongs to a list");
      continue;
    }
    auto order = texts_of(node, where, "a list in brackets of connectors", fail);
    if (!order)
      continue;
    for (const std::string& connector : *order)
      if (std::find(known.begin(), known.end(), connector) == known.end())
        fail(line_of(node), where,
             "there is no connector \"" + connector + "\"" + suggestion(connector, known));
    if (attribute)
      policy.precedence_of[*attribute] = std::move(*order);
    else
      policy.precedence = std::move(*order);
  }
}

void check_preference(const toml::array& prefer, const std::vector<ConnectorConfig>& connectors,
                      const Fail& fail) {
  std::vector<std::string_view> known = {"hybrid", "on_premises", "cloud"};
  for (const ConnectorConfig& connector : connectors)
    known.push_back(connector.name);
  std::set<std::string> named;
  for (const toml::node& element : prefer) {
    const std::string name = element.value_or(std::string());  // what is no text is refused already
    if (name.empty())
      continue;
    if (std::find(known.begin(), known.end(), name) == known.end())
      fail(line_of(element), "lookup.prefer",
           "there is no source and no connector \"" + name + "\"" + suggestion(name, known));
    if (!named.insert(name).second)
      fail(line_of(element), "lookup.prefer", "names \"" + name + "\" twice");
  }
}

std::map<std::string, std::vector<std::string>> parse_labels(const toml::table& section,
                                                             const Fail& fail) {
  std::map<std::string, std::vector<std::string>> labels;
  for (auto&& [key, node] : section) {
    const std::string label(key.str());
    const std::string where = "labels." + label;
    if (const std::string wrong = what_is_wrong_with(label); !wrong.empty())
      fail(line_of(key), "labels", "a label " + wrong);
    else if (auto groups = texts_of(
                 node, where, "a list in brackets of groups, by address or display name", fail))
      labels[label] = std::move(*groups);
  }
  return labels;
}

}  // namespace gald::daemon
