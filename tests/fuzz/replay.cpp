// A fuzzer without fuzzing, so that every build has it and every test run tries it: each file of a
// folder as an input, whole, cut short at every byte, and with every first byte, which often says
// how the rest is taken.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

int inputs = 0;

void take(const std::string& input) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
  ++inputs;
}

void take_in_all_ways(std::string input) {
  for (std::size_t size = 0; size <= input.size(); ++size)
    take(input.substr(0, size));
  for (int first = 0; first < 256 && !input.empty(); ++first) {
    input[0] = static_cast<char>(first);
    take(input);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2)
    return 2;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1])) {
    std::ifstream file(entry.path(), std::ios::binary);
    take_in_all_ways({std::istreambuf_iterator<char>(file), {}});
  }
  std::printf("%d inputs\n", inputs);
  return inputs > 0 ? 0 : 1;
}
