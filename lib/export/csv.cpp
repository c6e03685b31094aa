#include "export/csv.hpp"

#include "export/writer.hpp"

namespace gald::exporting {

namespace {

/// What nobody sees at the beginning of a cell, beyond ASCII.
constexpr std::string_view kInvisible[] = {
    "\u0085", "\u00A0", "\u00AD", "\u061C", "\u1680", "\u180E", "\u2000", "\u2001", "\u2002",
    "\u2003", "\u2004", "\u2005", "\u2006", "\u2007", "\u2008", "\u2009", "\u200A", "\u200B",
    "\u200C", "\u200D", "\u200E", "\u200F", "\u2028", "\u2029", "\u202A", "\u202B", "\u202C",
    "\u202D", "\u202E", "\u202F", "\u205F", "\u2060", "\u2061", "\u2062", "\u2063", "\u2064",
    "\u2066", "\u2067", "\u2068", "\u2069", "\u3000", "\uFEFF"};

constexpr std::string_view kTriggers[] = {"=", "+", "-", "@", "＝", "＋", "－", "＠"};

/// The length of the first of them that the text begins with; 0: none.
template <typename List>
std::size_t begins_with_one_of(const List& list, std::string_view text) {
  for (const std::string_view one : list)
    if (text.starts_with(one))
      return one.size();
  return 0;
}

bool is_dangerous(std::string_view text) {
  while (text.starts_with('\''))
    text.remove_prefix(1);
  if (text.starts_with('\t') || text.starts_with('\r') || text.starts_with('\n'))
    return true;
  while (!text.empty()) {
    const auto first = static_cast<unsigned char>(text.front());
    const std::size_t skipped =
        first <= ' ' || first == 0x7F ? 1 : begins_with_one_of(kInvisible, text);
    if (skipped == 0)
      break;
    text.remove_prefix(skipped);
  }
  return begins_with_one_of(kTriggers, text) > 0;
}

class CsvWriter final : public Writer {
 public:
  CsvWriter(Columns columns, Sink sink) : columns_(std::move(columns)), sink_(std::move(sink)) {
    write_row([](const Column& column) { return column.name; });
  }

  void add(const model::Contact& contact) override {
    write_row([&](const Column& column) { return neutral_cell(column.value(contact)); });
  }

  std::vector<std::string> finish(const std::vector<Total>&) override { return {}; }

 private:
  template <typename Cell>
  void write_row(Cell cell) {
    std::string row;
    for (const Column* column : columns_) {
      if (column != columns_.front())
        row += ',';
      row += quoted_cell(cell(*column));
    }
    if (row.empty())
      row = "\"\"";  // of one column: an empty line is no row to most programs
    sink_(row += "\r\n");
  }

  const Columns columns_;
  const Sink sink_;
};

}  // namespace

std::string neutral_cell(std::string_view value) {
  return (is_dangerous(value) ? "'" : "") + std::string(value);
}

std::string quoted_cell(std::string_view value) {
  const bool plain = value.find_first_of(",;\t\"\r\n") == std::string_view::npos &&
                     !value.starts_with(' ') && !value.ends_with(' ');
  if (plain)
    return std::string(value);
  std::string cell = "\"";
  for (const char c : value) {
    if (c == '"')
      cell += '"';
    cell += c;
  }
  return cell + '"';
}

std::unique_ptr<Writer> csv_writer(Columns columns, Sink sink) {
  return std::make_unique<CsvWriter>(std::move(columns), std::move(sink));
}

}  // namespace gald::exporting
