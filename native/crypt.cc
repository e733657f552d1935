// crypt(password, setting): the system's crypt(5) on a thread of libuv's pool, for hashes of
// passwords that were made elsewhere. The library is looked up when it is first wanted: it need not
// be on the machine, and nothing else of the addon depends on it.

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <dlfcn.h>

#include "args.h"
#include "reactor.h"

namespace gatehouse {

namespace {

constexpr size_t kPasswordBytes = 1024;
constexpr size_t kSettingBytes = 256;
// struct crypt_data of any libcrypt: 32 KiB in libxcrypt, 128 KiB in glibc's own.
constexpr size_t kDataBytes = 256 * 1024;

using CryptFunction = char* (*)(const char*, const char*, void*);

struct Task {
  napi_async_work work = nullptr;
  napi_deferred deferred = nullptr;
  char password[kPasswordBytes];
  char setting[kSettingBytes];
  char hash[kSettingBytes];
  bool missing = false;
};

void wipe(Task* task) {
  explicit_bzero(task, sizeof *task);
  free(task);
}

void run(napi_env, void* data) {
  auto* task = static_cast<Task*>(data);
  // Never closed: another thread may be in it.
  void* library = dlopen("libcrypt.so.1", RTLD_NOW | RTLD_LOCAL);
  auto crypt = library == nullptr
                   ? nullptr
                   : reinterpret_cast<CryptFunction>(dlsym(library, "crypt_r"));
  void* room = crypt == nullptr ? nullptr : calloc(1, kDataBytes);
  if (room == nullptr) {
    task->missing = true;
    return;
  }
  const char* hash = crypt(task->password, task->setting, room);
  // A failure is NULL or a text that begins with an asterisk (crypt(3)).
  if (hash != nullptr && hash[0] != '*' && strlen(hash) < sizeof task->hash) {
    strcpy(task->hash, hash);
  }
  explicit_bzero(room, kDataBytes);
  free(room);
}

void done(napi_env env, napi_status status, void* data) {
  auto* task = static_cast<Task*>(data);
  napi_value value = nullptr;
  if (status != napi_ok || task->missing) {
    napi_get_undefined(env, &value);
  } else {
    napi_create_string_latin1(env, task->hash, NAPI_AUTO_LENGTH, &value);
  }
  napi_resolve_deferred(env, task->deferred, value);
  napi_delete_async_work(env, task->work);
  wipe(task);
}

// Answers a promise of the hash, of '' where the setting is none that the library takes, or of
// undefined where there is no library; -EINVAL for arguments that cannot be.
napi_value crypt(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  auto* task = static_cast<Task*>(calloc(1, sizeof(Task)));
  if (task == nullptr) return number(env, -ENOMEM);
  napi_value promise = nullptr;
  napi_value name = nullptr;
  if (!args.text(0, task->password, sizeof task->password) ||
      !args.text(1, task->setting, sizeof task->setting)) {
    wipe(task);
    return number(env, -EINVAL);
  }
  if (napi_create_string_utf8(env, "crypt", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_async_work(env, nullptr, name, run, done, task, &task->work) != napi_ok) {
    wipe(task);
    return number(env, -ENOMEM);
  }
  if (napi_create_promise(env, &task->deferred, &promise) != napi_ok ||
      napi_queue_async_work(env, task->work) != napi_ok) {
    napi_delete_async_work(env, task->work);
    wipe(task);
    return number(env, -ENOMEM);
  }
  return promise;
}

}  // namespace

bool defineCrypt(napi_env env, napi_value target) {
  static const Method methods[] = {{"crypt", crypt}};
  return define(env, target, methods, nullptr);
}

}  // namespace gatehouse
