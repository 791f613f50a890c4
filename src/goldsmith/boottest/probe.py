"""The questions that are asked inside a guest: scripts whose answers stand below ``@@name`` lines."""

from goldsmith.boottest.seed import TOKEN_PATH

# cloud-init's last act is boot-finished; before 0.7.6 the folder of results is not in /run. A guest without it is done.
WAIT = """n=0
while [ $n -lt {limit} ]; do
  if ! command -v cloud-init >/dev/null 2>&1 || [ -e /var/lib/cloud/instance/boot-finished ]; then
    command -v systemctl >/dev/null 2>&1 || break
    case $(systemctl is-system-running 2>/dev/null) in initializing|starting) ;; *) break ;; esac
  fi
  sleep 1; n=$((n+1))
done
"""

LINUX = f"""PATH=$PATH:/usr/sbin:/sbin:/usr/bin:/bin; export PATH LC_ALL=C
say() {{ printf '\\n@@%s\\n' "$1"; }}
say clock; date +%s
say zone; date +%z
say system
if [ -r /etc/os-release ]; then (. /etc/os-release; echo "$PRETTY_NAME"); else cat /etc/redhat-release; fi
say uid; id -u
say hostname; hostname
say machine-id; cat /etc/machine-id 2>/dev/null || cat /var/lib/dbus/machine-id 2>/dev/null
say host-keys; cat /etc/ssh/ssh_host_*_key.pub 2>/dev/null
say root; df -P -k / | tail -n 1
say address; ip -4 addr show 2>/dev/null | grep -w global
say dhcp; ps -e -o comm= 2>/dev/null | grep -E '^(dhclient|dhcpcd|udhcpc|systemd-network|NetworkManager)'
say routes; ip -4 route 2>/dev/null
say resolver; grep -E '^[[:space:]]*nameserver' /etc/resolv.conf
say cloud-init; command -v cloud-init && cloud-init --version 2>&1
say datasource; cat /var/lib/cloud/instance/datasource 2>/dev/null
say random; dmesg 2>/dev/null | grep -oE 'crng init done|nonblocking pool is initialized'
say random-seed; sha256sum /var/lib/systemd/random-seed /var/lib/random-seed 2>/dev/null
say status; cloud-init status --long 2>/dev/null
say result; cat /run/cloud-init/result.json 2>/dev/null || cat /var/lib/cloud/data/result.json 2>/dev/null
say boot-finished; ls /var/lib/cloud/instance/boot-finished 2>/dev/null
say state; command -v systemctl >/dev/null 2>&1 && systemctl is-system-running
say failed
if command -v systemctl >/dev/null 2>&1; then systemctl --failed --no-legend --no-pager 2>/dev/null; fi
say selinux; getenforce 2>/dev/null
say selinux-wanted; sed -n 's/^SELINUX=//p' /etc/selinux/config 2>/dev/null
say subscription; command -v subscription-manager >/dev/null 2>&1 && ls /etc/pki/consumer/cert.pem 2>&1
say token; cat {TOKEN_PATH} 2>/dev/null
say end
"""

WINDOWS = r"""$ErrorActionPreference = 'SilentlyContinue'
'@@image-state'
(Get-ItemProperty 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Setup\State').ImageState
'@@system'
(Get-ItemProperty 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion').ProductName
'@@hostname'
[Environment]::MachineName
$log = "$env:ProgramFiles\Cloudbase Solutions\Cloudbase-Init\log\cloudbase-init.log"
'@@cloudbase'
if (Test-Path $log) { 'there'; Select-String -Path $log -Pattern 'Metadata service loaded|Plugins execution done' |
  ForEach-Object { $_.Line } }
'@@cloudbase-errors'
if (Test-Path $log) { Select-String -Path $log -Pattern ' ERROR | CRITICAL |failed with error' |
  ForEach-Object { $_.Line } }
'@@root'
(New-Object IO.DriveInfo 'C').TotalSize
'@@address'
Get-WmiObject Win32_NetworkAdapterConfiguration -Filter 'IPEnabled=TRUE' |
  ForEach-Object { "$($_.IPAddress[0]) dhcp=$($_.DHCPEnabled)" }
'@@machine-id'
(Get-WmiObject Win32_UserAccount -Filter 'LocalAccount=TRUE' | Select-Object -First 1).SID -replace '-\d+$', ''
'@@drivers'
$troubled = @(Get-WmiObject Win32_PnPEntity -Filter 'ConfigManagerErrorCode <> 0 AND ConfigManagerErrorCode <> 22')
'asked'
$troubled | ForEach-Object { "$($_.Name) $($_.PNPDeviceID) (code $($_.ConfigManagerErrorCode))" }
'@@rdp'
$ts = 'HKLM:\SYSTEM\CurrentControlSet\Control\Terminal Server'
$port = (Get-ItemProperty "$ts\WinStations\RDP-Tcp").PortNumber
"denied=$((Get-ItemProperty $ts).fDenyTSConnections)"
"port=$port"
"service=$((Get-Service TermService).Status)"
"listening=$([bool](netstat -an | Select-String (':' + $port + '\s.*LISTENING')))"
'@@end'
"""
