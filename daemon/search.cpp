// `gald search`: who it may be, the likeliest first.
#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "commands.hpp"
#include "export/contact_json.hpp"
#include "index/reader.hpp"
#include "output.hpp"
#include "platform.hpp"
#include "text.hpp"

namespace gald::daemon {

namespace {

using index::SearchHit;
using Json = nlohmann::ordered_json;
using Row = std::array<std::string_view, 6>;

Row row_of(const SearchHit& hit) {
  return {hit.display_name,     hit.mail, hit.department, hit.company_name, to_string(hit.kind),
          to_string(hit.status)};
}

/// As wide as what is in it. A terminal gets long values cut, so that no line wraps.
class Table {
 public:
  explicit Table(const std::vector<SearchHit>& hits) {
    std::vector<Row> rows = {kHead};
    for (const SearchHit& hit : hits)
      rows.push_back(row_of(hit));
    for (const Row& row : rows)
      for (std::size_t i = 0; i < row.size(); ++i)
        widths_[i] = std::max(widths_[i], display_width(row[i]));
    if (is_terminal(Stream::out))
      narrow(terminal_width(Stream::out).value_or(100));
  }

  void head() const { print(kHead); }

  void print(const Row& row) const {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i)
      line += (i == 0 ? "" : "  ") + fit(row[i], widths_[i]);
    print_line(line.substr(0, line.find_last_not_of(' ') + 1));
  }

 private:
  static constexpr Row kHead = {"NAME", "MAIL", "DEPARTMENT", "COMPANY", "KIND", "STATUS"};

  void narrow(std::size_t width) {
    constexpr std::size_t kLeast = 10;
    const auto total = [this] {
      std::size_t sum = 2 * (widths_.size() - 1);
      for (const std::size_t one : widths_)
        sum += one;
      return sum;
    };
    while (total() > width) {
      std::size_t& widest = *std::max_element(widths_.begin(), widths_.end());
      if (widest <= kLeast)
        return;
      --widest;
    }
  }

  std::array<std::size_t, std::tuple_size_v<Row>> widths_{};
};

void print_json(const index::Reader& reader, const SearchHit& hit) {
  for (const model::Contact& contact : reader.find(hit.id)) {
    Json object = Json::parse(exporting::to_json(contact));
    object["similar"] = hit.similar;
    print_line(object.dump());
  }
}

}  // namespace

int execute(const SearchCommand& command, const Context& context) {
  const index::Reader reader(context.config.index_file);
  const index::SearchResult result = reader.search(command.query);
  if (!result.ready) {
    complain(
        "the index cannot be searched yet: the next cycle (gald run, or gald sync) prepares it");
    return exit_code::kFailed;
  }
  if (result.hits.empty() && result.more) {
    complain(
        "so many have these words that not all could be looked at for those of the filter; add a "
        "letter or a word");
    return exit_code::kFailed;
  }
  if (command.json) {
    for (const SearchHit& hit : result.hits)
      print_json(reader, hit);
    return result.hits.empty() ? exit_code::kFailed : exit_code::kComplete;
  }
  if (result.hits.empty()) {
    print_line("Nobody found.");
    return exit_code::kFailed;
  }
  const Table table(result.hits);
  table.head();
  for (std::size_t i = 0; i < result.hits.size(); ++i) {
    const SearchHit& hit = result.hits[i];
    if (hit.similar && (i == 0 || !result.hits[i - 1].similar))
      print_line("Similar names:");
    table.print(row_of(hit));
  }
  if (result.more)
    print_line("There are more: add a word, or give a higher --limit.");
  return exit_code::kComplete;
}

}  // namespace gald::daemon
