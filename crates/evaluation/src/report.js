const frames=data.frames,slider=document.getElementById('time'),now=document.getElementById('now');
const map=document.getElementById('map'),moving=document.getElementById('moving'),charts=document.getElementById('charts');
const first=frames.length?frames[0].t:0,last=frames.length?frames[frames.length-1].t:1,span=Math.max(last-first,1e-3);
const marks=data.events.map(e=>[e.time_s,e.kind=='goal_reached'?'#2a8a3a':'#c22']).concat(data.stops.map(s=>[s.time_s,'#d80']));
const cursors=[];
const W=640,H=126,L=44,B=18,px=t=>L+(W-L-6)*(t-first)/span;
function chart(title,points,limit){
  const values=points.map(p=>p[1]).filter(v=>v!=null);
  let low=Math.min(0,...limit||[],...values.slice(0,1)),high=Math.max(1,...values.slice(0,1));
  for(const v of values){low=Math.min(low,v);high=Math.max(high,v)}
  const py=v=>18+(H-B-18)*(1-(v-low)/(high-low));
  let d='',pen=false;
  for(const [t,v] of points){if(v==null){pen=false;continue}d+=(pen?'L':'M')+px(t).toFixed(1)+' '+py(v).toFixed(1);pen=true}
  let s=`<svg viewBox="0 0 ${W} ${H}" preserveAspectRatio="none"><text x="${L}" y="12" font-size="12">${title}</text>`;
  for(const v of [low,(low+high)/2,high])s+=`<path d="M${L} ${py(v)}H${W-6}" stroke="#e4e4e4"/><text x="${L-4}" y="${py(v)+4}" font-size="10" text-anchor="end" fill="#777">${v.toFixed(1)}</text>`;
  for(let i=0;i<=6;i++){const t=first+span*i/6;s+=`<text x="${px(t)}" y="${H-4}" font-size="10" text-anchor="middle" fill="#777">${t.toFixed(0)} s</text>`}
  for(const [t,c] of marks)s+=`<path d="M${px(t)} 18V${H-B}" stroke="${c}" stroke-dasharray="3 2"/>`;
  s+=`<path d="${d}" fill="none" stroke="#24589c" stroke-width="1.3"/><path class="cursor" stroke="#111"/></svg>`;
  charts.insertAdjacentHTML('beforeend',s);
  const svg=charts.lastElementChild;cursors.push(svg.querySelector('.cursor'));
  svg.onpointermove=svg.onpointerdown=e=>{if(!e.buttons)return;const r=svg.getBoundingClientRect(),x=(e.clientX-r.left)/r.width*W;
    const t=first+span*(x-L)/(W-L-6);let i=frames.findIndex(f=>f.t>=t);slider.value=i<0?frames.length-1:i;show()};
}
chart('speed, m/s',frames.map(f=>[f.t,f.v]));
chart('acceleration, m/s²',data.comfort.map(p=>[p[0],p[1]]));
chart('jerk, m/s³',data.comfort.map(p=>[p[0],p[2]]));
chart('distance to the nearest road user, m',frames.map(f=>[f.t,f.d]));
chart('time to collision at constant velocity, s (shown below 8 s)',frames.map(f=>[f.t,f.c]));
function box(b,c){return `<rect x="${-b[3]/2}" y="${-b[4]/2}" width="${b[3]}" height="${b[4]}" fill="${c}" stroke="#222" stroke-width=".15" transform="translate(${b[0]} ${-b[1]}) rotate(${-b[2]*180/Math.PI})"/>`}
function show(){
  const f=frames[+slider.value];if(!f)return;
  moving.innerHTML=f.o.map(b=>box(b,'#6d8fd0')).join('')+box(f.e,'#e0482e');
  now.textContent=`${f.t.toFixed(1)} s, ${f.v.toFixed(1)} m/s`;
  for(const c of cursors)c.setAttribute('d',`M${px(f.t)} 18V${H-B}`);
}
slider.max=Math.max(frames.length-1,0);slider.oninput=show;show();
for(const [t,c] of marks){const f=frames.find(f=>f.t>=t);if(f)moving.insertAdjacentHTML('beforebegin',`<circle cx="${f.e[0]}" cy="${-f.e[1]}" r="3" fill="none" stroke="${c}" stroke-width="1"/>`)}
const view=map.viewBox.baseVal;
map.addEventListener('wheel',e=>{e.preventDefault();const k=e.deltaY>0?1.2:1/1.2,r=map.getBoundingClientRect();
  const u=(e.clientX-r.left)/r.width,v=(e.clientY-r.top)/r.height;
  view.x+=view.width*u*(1-k);view.y+=view.height*v*(1-k);view.width*=k;view.height*=k},{passive:false});
map.onpointermove=e=>{if(!e.buttons)return;const k=Math.max(view.width/map.clientWidth,view.height/map.clientHeight);view.x-=e.movementX*k;view.y-=e.movementY*k};
