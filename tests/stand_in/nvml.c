/* A stand-in for libnvidia-ml.so.1: answers as the file named by DLTUI_STAND_IN_NVML says, read anew at every call.

   gpu UUID|NAME|TOTAL|USED|UTILIZATION|TEMPERATURE|MILLIWATTS[|LIMIT]     -1: not supported
   process GPU_NUMBER PID BYTES
   mig GPU_NUMBER UUID
   error FUNCTION CODE [GPU_NUMBER]      FUNCTION as in nvmlFUNCTION, without a version
   hang FUNCTION
*/
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOT_SUPPORTED 3
#define INSUFFICIENT_SIZE 7
#define LOST 15

typedef struct { unsigned long long total, free, used; } memory_t;
typedef struct { unsigned gpu, memory; } rates_t;
typedef struct { unsigned pid; unsigned long long used; unsigned gi, ci; } process_t;

/* handles: 1 + number of a GPU; 1001 + number of a MIG instance */

static FILE *plan(void) {
    const char *path = getenv("DLTUI_STAND_IN_NVML");
    return path ? fopen(path, "r") : NULL;
}

static int enter(const char *function, long handle) {
    char line[512], name[128];
    int code, number, result = 0;
    FILE *file = plan();
    if (!file) return 12;
    while (fgets(line, sizeof line, file)) {
        number = -1;
        if (sscanf(line, "hang %127s", name) == 1 && !strcmp(name, function)) for (;;) pause();
        if (sscanf(line, "error %127s %d %d", name, &code, &number) >= 2 && !strcmp(name, function))
            if (number < 0 || number == handle - 1) result = code;
    }
    fclose(file);
    return result;
}

static int nth(const char *keyword, int wanted, char *out, size_t size) {
    char line[512];
    int seen = 0, found = 0;
    size_t length = strlen(keyword);
    FILE *file = plan();
    if (!file) return 0;
    while (fgets(line, sizeof line, file)) {
        if (strncmp(line, keyword, length) || line[length] != ' ') continue;
        if (seen++ == wanted) {
            line[strcspn(line, "\n")] = 0;
            snprintf(out, size, "%s", line + length + 1);
            found = 1;
        }
    }
    fclose(file);
    return wanted < 0 ? seen : found;
}

static int field(long handle, int wanted, char *out, size_t size) {
    char line[512], *part, *rest = line;
    if (handle > 1000) handle = 1;
    if (!nth("gpu", (int)handle - 1, line, sizeof line)) return 0;
    for (int i = 0; (part = strsep(&rest, "|")); i++)
        if (i == wanted) { snprintf(out, size, "%s", part); return 1; }
    return 0;
}

static int value(long handle, int wanted, long long *out) {
    char text[256];
    if (!field(handle, wanted, text, sizeof text)) return NOT_SUPPORTED;
    *out = atoll(text);
    return *out < 0 ? NOT_SUPPORTED : 0;
}

const char *nvmlErrorString(int code) {
    return code == LOST ? "GPU is lost" : code == 999 ? "Unknown Error" : "stand-in error";
}
int nvmlInitWithFlags(unsigned flags) { (void)flags; return enter("Init", 0); }
int nvmlInit_v2(void) { return enter("Init", 0); }
int nvmlShutdown(void) { return 0; }
int nvmlSystemGetDriverVersion(char *out, unsigned size) { snprintf(out, size, "550.54.14"); return 0; }
int nvmlSystemGetCudaDriverVersion_v2(int *out) { *out = 12040; return 0; }

int nvmlDeviceGetCount_v2(unsigned *count) {
    int code = enter("DeviceGetCount", 0);
    char ignored[8];
    *count = (unsigned)nth("gpu", -1, ignored, sizeof ignored);
    return code;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned index, long *handle) {
    *handle = (long)index + 1;
    return enter("DeviceGetHandleByIndex", *handle);
}
int nvmlDeviceGetMigMode(long handle, unsigned *current, unsigned *pending) {
    char text[256];
    *current = *pending = 0;
    if (nth("mig", 0, text, sizeof text) && atoi(text) == handle - 1) *current = *pending = 1;
    return 0;
}
int nvmlDeviceGetMaxMigDeviceCount(long handle, unsigned *count) { (void)handle; *count = 7; return 0; }
int nvmlDeviceGetMigDeviceHandleByIndex(long handle, unsigned index, long *out) {
    char text[256];
    (void)handle;
    *out = 1001 + (long)index;
    return nth("mig", (int)index, text, sizeof text) ? 0 : 6;
}
int nvmlDeviceGetUUID(long handle, char *out, unsigned size) {
    char text[256];
    int code = enter("DeviceGetUUID", handle);
    if (code) return code;
    if (handle > 1000) {
        nth("mig", (int)(handle - 1001), text, sizeof text);
        snprintf(out, size, "%s", strchr(text, ' ') + 1);
        return 0;
    }
    return field(handle, 0, out, size) ? 0 : 2;
}
int nvmlDeviceGetName(long handle, char *out, unsigned size) {
    int code = enter("DeviceGetName", handle);
    return code ? code : field(handle, 1, out, size) ? 0 : 2;
}
int nvmlDeviceGetMemoryInfo(long handle, memory_t *out) {
    long long total = 0, used = 0;
    int code = enter("DeviceGetMemoryInfo", handle);
    if (code || (code = value(handle, 2, &total)) || (code = value(handle, 3, &used))) return code;
    out->total = (unsigned long long)total;
    out->used = (unsigned long long)used;
    out->free = out->total - out->used;
    return 0;
}
int nvmlDeviceGetUtilizationRates(long handle, rates_t *out) {
    long long rate = 0;
    int code = enter("DeviceGetUtilizationRates", handle);
    if (code || (code = value(handle, 4, &rate))) return code;
    out->gpu = (unsigned)rate;
    out->memory = 0;
    return 0;
}
static int small(const char *function, long handle, int wanted, unsigned *out) {
    long long number = 0;
    int code = enter(function, handle);
    if (code || (code = value(handle, wanted, &number))) return code;
    *out = (unsigned)number;
    return 0;
}
int nvmlDeviceGetTemperature(long handle, int sensor, unsigned *out) {
    (void)sensor;
    return small("DeviceGetTemperature", handle, 5, out);
}
int nvmlDeviceGetPowerUsage(long handle, unsigned *out) { return small("DeviceGetPowerUsage", handle, 6, out); }
int nvmlDeviceGetEnforcedPowerLimit(long handle, unsigned *out) {
    return small("DeviceGetEnforcedPowerLimit", handle, 7, out);
}

int nvmlDeviceGetComputeRunningProcesses_v3(long handle, unsigned *count, process_t *out) {
    char text[256];
    int gpu, code = enter("DeviceGetComputeRunningProcesses", handle);
    unsigned pid, found = 0;
    unsigned long long used;
    if (code) return code;
    for (int i = 0; nth("process", i, text, sizeof text); i++) {
        if (sscanf(text, "%d %u %llu", &gpu, &pid, &used) != 3 || gpu != handle - 1) continue;
        if (out && found < *count) out[found] = (process_t){pid, used, 0, 0};
        found++;
    }
    code = found && (!out || found > *count) ? INSUFFICIENT_SIZE : 0;
    *count = found;
    return code;
}
