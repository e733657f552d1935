// The builder of compiled files.

#include <cerrno>
#include <climits>
#include <cstdlib>

#include "object.h"

namespace gatehouse::dns {

namespace {

Build* buildOf(void* data) {
  auto* build = static_cast<Build*>(data);
  return build != nullptr && build->builder != nullptr ? build : nullptr;
}

napi_value builderAdd(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  Build* build = buildOf(args.data);
  const uint8_t* bytes = nullptr;
  size_t length = 0;
  if (build == nullptr || !args.bytes(0, &bytes, &length)) return number(env, -EINVAL);
  return number(env, build->builder->add(bytes, length));
}

// finish(path, note, figures): names, refused, file's size in two words; the builder is at its end
napi_value builderFinish(napi_env env, napi_callback_info info) {
  Args<3> args(env, info);
  Build* build = buildOf(args.data);
  char path[PATH_MAX];
  const uint8_t* note = nullptr;
  size_t noteLength = 0;
  uint32_t* figures = nullptr;
  size_t count = 0;
  if (build == nullptr || !args.text(0, path, sizeof path) ||
      !args.bytes(1, &note, &noteLength) || !args.words(2, &figures, &count) || count != 4) {
    return number(env, -EINVAL);
  }
  int code = build->builder->finish(path, note, noteLength);
  figures[0] = build->builder->names();
  figures[1] = build->builder->refused();
  figures[2] = static_cast<uint32_t>(build->builder->fileBytes());
  figures[3] = static_cast<uint32_t>(build->builder->fileBytes() >> 32);
  build->builder->close();
  build->builder = nullptr;
  return number(env, code);
}

napi_value builderClose(napi_env env, napi_callback_info info) {
  Args<0> args(env, info);
  Build* build = buildOf(args.data);
  if (build == nullptr) return nullptr;
  build->builder->close();
  build->builder = nullptr;
  return nullptr;
}

}  // namespace

// createBlockBuilder(key, lists: records of 128 bytes)
napi_value createBlockBuilder(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  auto* bindings = static_cast<Bindings*>(args.data);
  const uint8_t* bytes = nullptr;
  const uint8_t* lists = nullptr;
  size_t length = 0;
  size_t listsLength = 0;
  Key key;
  if (!args.bytes(0, &bytes, &length) || !keyArg(bytes, length, &key) ||
      !args.bytes(1, &lists, &listsLength) || listsLength % sizeof(ListRecord) != 0 ||
      listsLength > kMaxLists * sizeof(ListRecord)) {
    return number(env, -EINVAL);
  }
  auto* build = static_cast<Build*>(calloc(1, sizeof(Build)));
  Builder* builder = build == nullptr ? nullptr : Builder::open(key);
  if (builder == nullptr) {
    free(build);
    return number(env, -ENOMEM);
  }
  build->builder = builder;
  build->next = bindings->builds;
  bindings->builds = build;
  bool good = true;
  for (size_t at = 0; at < listsLength; at += sizeof(ListRecord)) {
    good = good && builder->addList(load<ListRecord>(lists + at));
  }
  static const Method methods[] = {
      {"add", builderAdd}, {"finish", builderFinish}, {"close", builderClose}};
  napi_value target;
  if (good && napi_create_object(env, &target) == napi_ok && define(env, target, methods, build)) {
    return target;
  }
  builder->close();
  build->builder = nullptr;
  return number(env, -EINVAL);
}

}  // namespace gatehouse::dns
