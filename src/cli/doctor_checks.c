#include "cli/doctor_checks.h"

#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/doctor_sgx.h"
#include "cli/guest_folder.h"
#include "crypto/digest.h"
#include "enclave/aesm.h"
#include "image/store.h"
#include "measure/manifest.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/process.h"
#include "vm/accel.h"
#include "vm/confine.h"
#include "vm/passt.h"
#include "vm/record.h"

#define ANSWER_MS     10000
#define QEMU_MIN      702 /* of Debian 12; nothing older was ever tried */
#define QEMU_SNP_MIN  901
#define FREE_MIN_MIB  1024
#define RUN_MIN_MIB   64
#define CPUID_SEV_SNP (1U << 4) /* AMD APM vol. 3, CPUID 8000001F EAX */
#define SEV_PARAMETER "/sys/module/kvm_amd/parameters/sev_snp"

/* What one check leaves for the next ones. */
struct examination {
    const char *guest_given;
    char *guest; /* heap; NULL where there is none */
    unsigned int qemu_version;
    bool firmware;
};

unsigned int doctor_qemu_version(const char *text)
{
    static const char word[] = "version ";
    const char *version = strstr(text, word);
    char *rest;
    if (!version)
        return 0;
    unsigned long major = strtoul(version + sizeof word - 1, &rest, 10);
    unsigned long minor = *rest == '.' ? strtoul(rest + 1, &rest, 10) : 0;
    return major > 0 && major < 1000 && minor < 100 ? (unsigned int)(major * 100 + minor) : 0;
}

/* The first line that the program prints about its version, in `out`. */
static int ask_version(const char *program, struct buf *out, struct error *err)
{
    const char *const argv[] = {program, "--version", NULL};
    if (process_output(argv, ANSWER_MS, out, err) < 0)
        return -1;
    const uint8_t *end = out->size ? memchr(out->data, '\n', out->size) : NULL;
    if (end)
        buf_truncate(out, (size_t)(end - out->data));
    return 0;
}

static void check_qemu(struct examination *all, struct finding *finding)
{
    struct error err = {0};
    BUF_AUTO answer = BUF_WITH_LIMIT(65536);
    if (ask_version(QEMU_PROGRAM, &answer, &err) < 0) {
        finding_conclude(finding, FINDING_MISSING, "apt-get install qemu-system-x86", "%s",
                         err.text);
        return;
    }
    all->qemu_version = doctor_qemu_version(buf_text(&answer));
    bool good = all->qemu_version >= QEMU_MIN;
    finding_conclude(
        finding, good ? FINDING_OK : FINDING_MISSING,
        good ? "" : "QEMU 7.2 or newer is needed; for sev-snp 9.1 (bookworm-backports)", "%s",
        buf_text(&answer));
}

static void check_passt(struct examination *all, struct finding *finding)
{
    struct error err = {0};
    BUF_AUTO answer = BUF_WITH_LIMIT(65536);
    (void)all;
    if (ask_version(PASST_PROGRAM, &answer, &err) < 0)
        finding_conclude(finding, FINDING_MISSING,
                         "apt-get install passt; until then there is --network none", "%s",
                         err.text);
    else
        finding_conclude(finding, FINDING_OK, "", "%s", buf_text(&answer));
}

/* A guest that breaks out of QEMU is what QEMU is. */
static void check_confinement(struct examination *all, struct finding *finding)
{
    struct process_user user;
    (void)all;
    if (geteuid() != 0)
        finding_conclude(finding, FINDING_OK, "", "QEMU and passt run as this user (%u)",
                         geteuid());
    else if (confine_user(getpid(), CONFINE_QEMU, &user))
        finding_conclude(finding, FINDING_OK, "",
                         "QEMU and passt run as users of their own, not as root (QEMU's here: %u)",
                         user.uid);
    else
        finding_conclude(finding, FINDING_OPTIONAL, "run caisson as an ordinary user",
                         "QEMU runs as root: this root may not become another user");
}

static int digest_file(const char *path, uint8_t out[SHA256_SIZE], struct error *err)
{
    enum { PIECE = 1 << 16 };
    uint8_t piece[PIECE];
    struct sha256 digest;
    size_t got = PIECE;
    FD_AUTO fd = file_open_read(path, err);
    if (fd < 0)
        return -1;
    sha256_init(&digest);
    while (got == PIECE) {
        if (fd_read_full(fd, piece, PIECE, &got, err) < 0)
            return -1;
        sha256_update(&digest, span_of(piece, got));
    }
    sha256_final(&digest, out);
    return 0;
}

/* The files of the folder are those of its manifest. */
static int check_guest_files(const char *folder, struct error *err)
{
    static const char *const names[] = {"vmlinux", "bzImage", "initrd",
                                        "parts",   "cmdline", "cmdline.simulated"};
    TEXT_AUTO path = text_format("%s/manifest.json", folder);
    BUF_AUTO text = BUF_WITH_LIMIT(MANIFEST_SIZE_MAX);
    MANIFEST_AUTO manifest = {0};
    if (!path)
        return error_memory(err);
    if (file_read(path, &text, err) < 0)
        return -1;
    if (manifest_parse(buf_span(&text), &manifest, err) < 0)
        return error_context(err, "%s", path);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        uint8_t expected[SHA256_SIZE];
        uint8_t actual[SHA256_SIZE];
        TEXT_AUTO file = text_format("%s/%s", folder, names[i]);
        if (!file)
            return error_memory(err);
        if (manifest_file(&manifest, names[i], expected, err) < 0 ||
            digest_file(file, actual, err) < 0)
            return -1;
        if (memcmp(expected, actual, sizeof actual) != 0)
            return error_set(err, ERROR_REFUSED, "%s is not the file of the manifest", file);
    }
    return 0;
}

static void check_guest(struct examination *all, struct finding *finding)
{
    struct error err = {0};
    char *folder = NULL;
    if (guest_folder_find(all->guest_given, &folder, &err) < 0 ||
        check_guest_files(folder, &err) < 0) {
        finding_conclude(finding, FINDING_MISSING, "make guest", "%s", err.text);
        free(folder);
        return;
    }
    TEXT_AUTO firmware = text_format("%s/OVMF.amdsev.fd", folder);
    all->firmware = firmware && access(firmware, R_OK) == 0;
    all->guest = folder;
    finding_conclude(finding, FINDING_OK, "", "%s: all files are the manifest's", folder);
}

static int try_kvm(const struct examination *all, bool *works, struct error *reason,
                   struct error *err)
{
    STORE_AUTO store = store_open(NULL, err);
    TEXT_AUTO cache = store ? text_format("%s/probes", store_folder(store)) : NULL;
    const struct accel_probe probe = {.guest_folder = all->guest, .cache_folder = cache};
    if (!store)
        return -1;
    return cache ? accel_probe(&probe, works, reason, err) : error_memory(err);
}

static void check_kvm(struct examination *all, struct finding *finding)
{
    struct error err = {0};
    struct error reason = {0};
    bool kvm = false;
    if (access("/dev/kvm", F_OK) < 0)
        finding_conclude(
            finding, FINDING_OPTIONAL,
            "with hardware virtualisation (modprobe kvm_amd or kvm_intel) it is faster",
            "no /dev/kvm: machines are emulated, which is several times slower");
    else if (access("/dev/kvm", R_OK | W_OK) < 0)
        finding_conclude_system(finding, FINDING_OPTIONAL,
                                "add this user to the group of /dev/kvm (kvm)",
                                "machines are emulated; /dev/kvm");
    else if (!all->guest)
        finding_conclude(finding, FINDING_OPTIONAL, "make guest, and ask again",
                         "/dev/kvm is there; without a guest it cannot be tried");
    else if (try_kvm(all, &kvm, &reason, &err) < 0)
        finding_conclude(finding, FINDING_OPTIONAL, "", "/dev/kvm was not tried: %s", err.text);
    else if (!kvm)
        finding_conclude(finding, FINDING_OPTIONAL, "", "%s; machines are emulated", reason.text);
    else
        finding_conclude(finding, FINDING_OK, "", "the guest comes up under it");
}

/* Whether a file can be made there, and how much room there is. */
static void check_folder(struct finding *finding, const char *path, unsigned long long wanted_mib,
                         const char *variable)
{
    struct statvfs room;
    TEXT_AUTO template = text_format("%s/.doctor-XXXXXX", path);
    int fd = template ? mkostemp(template, O_CLOEXEC) : -1;
    if (fd < 0) {
        finding_conclude_system(finding, FINDING_MISSING, variable, path);
        return;
    }
    fd_close(&fd);
    (void)unlink(template);
    if (statvfs(path, &room) < 0) {
        finding_conclude_system(finding, FINDING_MISSING, variable, path);
        return;
    }
    unsigned long long mib = (unsigned long long)room.f_bavail * room.f_frsize >> 20;
    bool enough = mib >= wanted_mib;
    finding_conclude(finding, enough ? FINDING_OK : FINDING_MISSING, enough ? "" : variable,
                     "%s: %llu MiB free", path, mib);
}

#define STORE_REMEDY "name a folder of your own with more room by CAISSON_HOME"
#define RUN_REMEDY   "name a folder of your own with more room by CAISSON_RUN"

static void check_store(struct examination *all, struct finding *finding)
{
    struct error err = {0};
    (void)all;
    STORE_AUTO store = store_open(NULL, &err);
    if (!store)
        finding_conclude(finding, FINDING_MISSING, STORE_REMEDY, "%s", err.text);
    else
        check_folder(finding, store_folder(store), FREE_MIN_MIB, STORE_REMEDY);
}

static void check_run(struct examination *all, struct finding *finding)
{
    struct error err = {0};
    char *root = NULL;
    (void)all;
    if (record_root(&root, &err) < 0)
        finding_conclude(finding, FINDING_MISSING, RUN_REMEDY, "%s", err.text);
    else
        check_folder(finding, root, RUN_MIN_MIB, RUN_REMEDY);
    free(root);
}

static void check_processor(struct examination *all, struct finding *finding)
{
    struct error err = {0};
    (void)all;
    STORE_AUTO store = store_open(NULL, &err);
    TEXT_AUTO root = store ? text_format("%s/simulated/ark.pem", store_folder(store)) : NULL;
    if (!root)
        finding_conclude(finding, FINDING_MISSING, STORE_REMEDY, "%s", err.text);
    else if (access(root, F_OK) < 0)
        finding_conclude(finding, FINDING_OK, "",
                         "none yet: the first simulated machine makes one");
    else if (access(root, R_OK) < 0)
        finding_conclude_system(finding, FINDING_MISSING,
                                "remove its folder: the next run makes another", root);
    else
        finding_conclude(finding, FINDING_OK, "", "%s: its root, for verify --trust-simulated",
                         root);
}

static bool parameter_is_on(const char *path)
{
    BUF_AUTO text = BUF_WITH_LIMIT(64);
    return file_read(path, &text, NULL) == 0 && text.size > 0 &&
           (text.data[0] == 'Y' || text.data[0] == '1');
}

static void check_sev_snp(struct examination *all, struct finding *finding)
{
    unsigned int eax = 0;
    unsigned int ebx;
    unsigned int ecx;
    unsigned int edx;
    bool processor = __get_cpuid_count(0x8000001f, 0, &eax, &ebx, &ecx, &edx) &&
                     (eax & CPUID_SEV_SNP);
    if (!processor)
        finding_conclude(finding, FINDING_OPTIONAL, "an AMD EPYC 7003 or later has it",
                         "the processor has no SEV-SNP (CPUID 8000001F)");
    else if (!parameter_is_on(SEV_PARAMETER))
        finding_conclude(finding, FINDING_OPTIONAL,
                         "switch SEV-SNP on in the firmware (SMEE, SNP, RMP); Linux 6.11 or later",
                         "the processor has it, and kvm_amd does not use it (" SEV_PARAMETER ")");
    else if (access("/dev/sev", R_OK | W_OK) < 0)
        finding_conclude_system(finding, FINDING_OPTIONAL, "let this user open /dev/sev",
                                "/dev/sev");
    else if (all->qemu_version < QEMU_SNP_MIN)
        finding_conclude(finding, FINDING_OPTIONAL, "install QEMU from bookworm-backports",
                         "QEMU is older than 9.1");
    else if (!all->firmware)
        finding_conclude(finding, FINDING_OPTIONAL, "make guest, with network",
                         "the guest has no OVMF.amdsev.fd");
    else
        finding_conclude(finding, FINDING_OK, "", "/dev/sev, kvm_amd and QEMU have it");
}

static void check_sgx(struct examination *all, struct finding *finding)
{
    (void)all;
    doctor_sgx_processor(doctor_cpuid, finding);
}

static void check_sgx_device(struct examination *all, struct finding *finding)
{
    (void)all;
    doctor_sgx_device("/dev/sgx_enclave", finding);
}

static void check_aesmd(struct examination *all, struct finding *finding)
{
    (void)all;
    doctor_sgx_aesmd(AESM_SOCKET, finding);
}

static void check_enclave(struct examination *all, struct finding *finding)
{
    (void)all;
    doctor_enclave(finding);
}

static void check_enclave_model(struct examination *all, struct finding *finding)
{
    (void)all;
    doctor_enclave_model(finding);
}

/* In this order: KVM is tried with the guest, and sev-snp asks what was found before. */
#define OF(tee)  (1U << (tee))
#define ENCLAVES (OF(VM_TEE_SGX) | OF(VM_TEE_SGX_SIMULATED))
#define MACHINES (OF(VM_TEE_SIMULATED) | OF(VM_TEE_SEV_SNP))

static const struct {
    const char *name;
    unsigned int needed_by; /* bits of enum vm_tee */
    void (*check)(struct examination *all, struct finding *finding);
} checks[] = {
    {"qemu", MACHINES, check_qemu},
    {"passt", MACHINES | ENCLAVES, check_passt},
    {"confinement", 0, check_confinement},
    {"guest", MACHINES, check_guest},
    {"kvm", 0, check_kvm},
    {"store", MACHINES | ENCLAVES, check_store},
    {"run folder", MACHINES | ENCLAVES, check_run},
    {"simulated processor", MACHINES, check_processor},
    {"sev-snp", OF(VM_TEE_SEV_SNP), check_sev_snp},
    {"enclave", ENCLAVES, check_enclave},
    {"sgx-simulated", OF(VM_TEE_SGX_SIMULATED), check_enclave_model},
    {"sgx", OF(VM_TEE_SGX), check_sgx},
    {"sgx device", OF(VM_TEE_SGX), check_sgx_device},
    {"aesmd", OF(VM_TEE_SGX), check_aesmd},
};
_Static_assert(sizeof checks / sizeof *checks <= DOCTOR_FINDINGS_MAX, "more checks than findings");

void doctor_examine(const char *guest, struct diagnosis *out)
{
    struct examination all = {.guest_given = guest};
    *out = (struct diagnosis){.works = {0}};
    for (size_t tee = 0; tee < VM_TEE_COUNT; tee++)
        out->works[tee] = true;
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        struct finding *finding = &out->findings[out->count++];
        finding->name = checks[i].name;
        checks[i].check(&all, finding);
        for (size_t tee = 0; tee < VM_TEE_COUNT; tee++) {
            if (finding->state != FINDING_OK && (checks[i].needed_by & OF(tee)))
                out->works[tee] = false;
        }
    }
    free(all.guest);
}
